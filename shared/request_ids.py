"""Request ids: one for each request at the door, carried through every service and into every log line."""

import re
import uuid

import structlog
from flask import Flask, Response, g, has_request_context, request

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{1,64}")


def current() -> str | None:
    """The id of the present request, or None outside of one."""
    return g.get("request_id") if has_request_context() else None


def install(app: Flask) -> None:
    """Take the caller's id when it is well formed, else make one; answer with it and put it in the log context."""

    @app.before_request
    def _begin() -> None:
        given = request.headers.get(HEADER, "")
        g.request_id = given if _WELL_FORMED.fullmatch(given) else uuid.uuid4().hex
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def _end(response: Response) -> Response:
        response.headers[HEADER] = g.get("request_id") or uuid.uuid4().hex
        return response

    @app.teardown_request
    def _forget(_error: BaseException | None) -> None:
        structlog.contextvars.unbind_contextvars("request_id")
