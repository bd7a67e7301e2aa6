"""Request ids: one for each request at the door, carried through every service and into every log line."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from flask import Flask, Response, g, request

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")
_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def current() -> str | None:
    """The id of the request that this thread works for, or None outside of one."""
    return _current.get()


def taken_or_made(given: str | None) -> str:
    """The id that a caller gave, when it is well formed, or a new one."""
    return given if given and _WELL_FORMED.fullmatch(given) else _made()


def _made() -> str:
    return secrets.token_hex(16)


@contextmanager
def held(request_id: str) -> Iterator[None]:
    """Let `request_id` be the current one for the block."""
    outer = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(outer)


def install(app: Flask) -> None:
    """Take the caller's id when it is well formed, else make one, and answer with it."""

    @app.before_request
    def _begin() -> None:
        g.outer_request_id = _current.set(taken_or_made(request.headers.get(HEADER)))

    @app.after_request
    def _end(response: Response) -> Response:
        response.headers[HEADER] = _current.get() or _made()
        return response

    @app.teardown_request
    def _forget(_error: BaseException | None) -> None:
        if "outer_request_id" in g:
            _current.reset(g.pop("outer_request_id"))
