"""The Host header: every HTTP/1.1 request names exactly one valid host (RFC 9112, section 3.2).

The server joins repeated headers with a comma and gives a missing one as empty text, so one check covers a missing, a
repeated and a malformed Host.
"""

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

from flask import Flask, request

from shared.core.errors import InvalidHost

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_LONGEST = 255 + len(":65535")  # a host name (RFC 1035, section 2.3.4) and a port
_HOST = re.compile(r"(?:[A-Za-z0-9._~-]{1,255}|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{0,5}))?")
_WITHOUT_HOST = ("HTTP/1", "HTTP/1.0", "HTTP/0.9")


def is_valid(environ: "WSGIEnvironment") -> bool:
    """Return whether the request names a valid host. HTTP/1.0 may name none."""
    host = environ.get("HTTP_HOST") or ""
    if not host:
        return environ.get("SERVER_PROTOCOL") in _WITHOUT_HOST
    return len(host) <= _LONGEST and _is_host(host)


def install(app: Flask) -> None:
    """Answer 400 to each request of `app` that does not name a valid host."""

    @app.before_request
    def _check() -> None:
        if not is_valid(request.environ):
            raise InvalidHost


@lru_cache(maxsize=256)
def _is_host(text: str) -> bool:
    matched = _HOST.fullmatch(text)
    if matched is None or int(matched[2] or 0) > 65535:
        return False
    try:
        return matched[1] is None or bool(IPv6Address(matched[1]))
    except ValueError:
        return False
