"""Names of devices: what people recognise, the same after an update."""

import pytest

from shared.core.user_agents import device_name


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36 Edg/142.0", "Edge on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/605.1", "Safari on iPhone"),
        ("curl/8.14.1", "curl"),
        ("x" * 200, "x" * 60),
        ("", "Unknown device"),
        ("/", "Unknown device"),
    ],
)
def test_a_device_has_the_name_that_people_know(user_agent: str, name: str) -> None:
    assert device_name(user_agent) == name
