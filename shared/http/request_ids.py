"""Request ids: one for each request at the gateway, passed on to every service and in every log line."""

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from flask import Flask, Response, request

HEADER = "X-Request-ID"
_OUTER = "bank.outer_request_id"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")
_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def current() -> str | None:
    """Return the id of the request that this thread works for, or None outside of one."""
    return _current.get()


def accepted_or_new(given: str | None) -> str:
    """Return the client's id if it is well formed, else a new one."""
    return given if given and _WELL_FORMED.fullmatch(given) else _new()


def _new() -> str:
    return secrets.token_hex(16)


@contextmanager
def bound(request_id: str) -> Iterator[None]:
    """Make `request_id` the current one within the block."""
    outer = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(outer)


def install(app: Flask) -> None:
    """Use the client's request id if it is well formed, else a new one, and return it in the response."""

    @app.before_request
    def _begin() -> None:
        request.environ[_OUTER] = _current.set(accepted_or_new(request.headers.get(HEADER)))

    @app.after_request
    def _end(response: Response) -> Response:
        response.headers[HEADER] = _current.get() or _new()
        return response

    @app.teardown_request
    def _forget(_error: BaseException | None) -> None:
        if outer := request.environ.pop(_OUTER, None):
            _current.reset(outer)
