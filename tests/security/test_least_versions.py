"""No pinned package is older than the first version without a known hole."""

import re

import pytest
from packaging.version import Version

from tests.support.repository import ROOT

LEAST = {
    # package: (the first version without the newest known hole, the advisory); looked up in November 2026
    "aiosmtpd": ("1.4.6", "CVE-2024-34083, STARTTLS command injection"),
    "brotli": ("1.2.0", "CVE-2025-6176, decompression bombs"),
    "cbor2": ("5.9.0", "CVE-2026-26209, recursion"),
    "certifi": ("2024.7.4", "CVE-2024-39689, a distrusted root"),
    "cryptography": ("46.0.7", "CVE-2026-39892, buffer overflow"),
    "flask": ("3.1.3", "CVE-2026-27205, pages of a session in shared caches"),
    "h11": ("0.16.0", "CVE-2025-43859, chunked bodies"),
    "idna": ("3.15", "CVE-2026-45409, quadratic time"),
    "jinja2": ("3.1.6", "CVE-2025-27516, sandbox escape by |attr"),
    "mako": ("1.3.12", "CVE-2026-44307, path traversal on Windows"),
    "markdown-it-py": ("2.2.0", "CVE-2023-26303, crash"),
    "pydantic": ("2.4.0", "CVE-2024-3772, regular expression of e-mail addresses"),
    "pygments": ("2.20.0", "CVE-2026-4539, regular expression"),
    "pyjwt": ("2.12.0", "CVE-2026-32597, unknown critical headers"),
    "pypdf": ("6.14.2", "CVE-2026-59935, denial of service"),
    "redis": ("4.5.4", "CVE-2023-28859, answers of other requests"),
    "requests": ("2.33.0", "CVE-2026-25645, predictable temporary files"),
    "starlette": ("1.3.1", "CVE-2026-54283, denial of service by forms"),
    "urllib3": ("2.7.0", "CVE-2026-44431, headers sent on to other hosts"),
    "werkzeug": ("3.1.5", "CVE-2026-21860, device names in safe_join"),
}


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_no_pin_is_below_the_first_safe_version(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    pinned = re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", text, re.MULTILINE)
    assert len(pinned) > 20
    old = [
        f"{name} {version}" for name, version in pinned if name in LEAST and Version(version) < Version(LEAST[name][0])
    ]
    assert old == []


def test_the_table_names_only_packages_that_are_pinned() -> None:
    text = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
    assert [name for name in LEAST if not re.search(rf"^{re.escape(name)}(?:\[|==)", text, re.MULTILINE)] == []


def test_every_pin_has_hashes() -> None:
    for file in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / file).read_text(encoding="utf-8")
        assert text.count("==") <= text.count("--hash=sha256:")
