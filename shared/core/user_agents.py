"""The device that a User-Agent header (RFC 9110, section 10.1.5) names, in words for people."""

UNKNOWN = "Unknown device"
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def device_name(user_agent: str) -> str:
    """Return browser and system, such as "Firefox on Windows", or else the program without its version.

    An update of a browser or of a system does not change the name.
    """
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    return " on ".join(filter(None, (browser, system))) or user_agent.partition("/")[0].strip()[:60] or UNKNOWN
