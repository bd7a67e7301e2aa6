"""Where a request comes from: the address and the user agent of the person's own program, through all services.

A service sends the address to the next one in X-Forwarded-For, and its own service token in X-Forwarded-By. Without a
valid service token X-Forwarded-For is ignored, and the address is that of the peer.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from flask import has_request_context, request

from shared.http.addresses import client_address

LONGEST_USER_AGENT = 200
FORWARDED_BY = "X-Forwarded-By"
IS_TRUSTED = "bank.origin_is_trusted"
"""Set in the environment of a request whose X-Forwarded-For comes from an authenticated service."""


class ClientOrigin(NamedTuple):
    """The IP address and the User-Agent header of the client that began a request; empty outside of requests."""

    address: str = ""
    user_agent: str = ""


_environ: ContextVar[Mapping[str, Any]] = ContextVar("origin_environ")


def current() -> ClientOrigin:
    """Return the origin of the request that this thread works for, or an empty one."""
    environ = request.environ if has_request_context() else _environ.get({})
    if not environ or not (has_request_context() or "HTTP_X_FORWARDED_FOR" in environ):
        return ClientOrigin()
    forwarded_for = environ.get("HTTP_X_FORWARDED_FOR", "") if environ.get(IS_TRUSTED) else ""
    return ClientOrigin(
        address=client_address(environ.get("REMOTE_ADDR", ""), forwarded_for),
        user_agent=_one_line(environ.get("HTTP_USER_AGENT", ""))[:LONGEST_USER_AGENT],
    )


def current_route() -> str:
    """Return the method and the path of Flask's current request, without its query: "GET /things/7"."""
    return f"{request.method} {request.path}"[:200] if has_request_context() else ""


@contextmanager
def bound(environ: Mapping[str, Any]) -> Iterator[None]:
    """Let `environ`, of WSGI, be the request of the block, for code that runs outside of Flask's request context.

    It comes from another service, so it has an origin only if that one sent it.
    """
    outer = _environ.set(environ)
    try:
        yield
    finally:
        _environ.reset(outer)


def forwarded_headers() -> dict[str, str]:
    """Return the headers that tell the next service the origin; none outside of Flask's request context."""
    if not has_request_context():
        return {}
    origin = current()
    return {"X-Forwarded-For": origin.address, "User-Agent": origin.user_agent}


def _one_line(text: str) -> str:
    return text if text.isprintable() else "".join(character for character in text if character.isprintable())
