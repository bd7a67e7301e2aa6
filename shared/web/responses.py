"""The common form of JSON responses: success with its resources, failure with its four keys."""

import logging
from collections.abc import Callable
from typing import Any

from flask import Flask, Response
from pydantic_core import to_json
from werkzeug.exceptions import HTTPException

from shared.core.errors import GENERIC_BY_STATUS, AppError, InvalidRequest

JSON = "application/json"
_log = logging.getLogger(__name__)


def success(status: int = 200, /, *, message: str | None = None, **resources: Any) -> Response:
    """Return a response with a `success_body`."""
    return Response(success_body(message=message, **resources), status, content_type=JSON)


def success_body(*, message: str | None = None, **resources: Any) -> bytes:
    """Return `{"success": true, "message": …, "<resource>": …}`. Resources may be pydantic models or lists of them."""
    body: dict[str, Any] = {"success": True}
    if message is not None:
        body["message"] = message
    body.update(resources)
    return to_json(body)


def failure_body(error: AppError) -> dict[str, Any]:
    """Return `{"success": false, "message": …, "error_code": …, "details": {}}`."""
    return {"success": False, "message": error.message, "error_code": error.code, "details": error.details}


def failure(error: AppError, **more: Any) -> Response:
    """Return the response with a `failure_body`, to which `more` is added, and the error's status and headers."""
    response = Response(to_json(failure_body(error) | more), error.status, content_type=JSON)
    response.headers.update(error.headers)
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def from_http_exception(exception: HTTPException) -> AppError:
    """Map Werkzeug's errors (404, 405, 413, …) to ours; other 4xx become a plain 400, the rest a 500."""
    status = exception.code or 500
    other = InvalidRequest if 400 <= status < 500 else AppError
    return GENERIC_BY_STATUS.get(status, other)()


def install_error_handlers(app: Flask, render: Callable[[AppError], Any] = failure) -> None:
    """Answer every error of `app` through `render`, after `to_app_error`."""

    @app.errorhandler(AppError)
    def _expected(error: AppError) -> Any:
        return render(error)

    @app.errorhandler(HTTPException)
    def _http(exception: HTTPException) -> Any:
        if exception.code is not None and exception.code < 400:
            return exception
        error = from_http_exception(exception)
        answer = app.make_response(render(error))
        if allowed := getattr(exception, "valid_methods", None):
            answer.headers["Allow"] = ", ".join(sorted(allowed))
        return answer

    @app.errorhandler(Exception)
    def _unexpected(exception: Exception) -> Any:
        return render(to_app_error(exception))


def to_app_error(error: Exception) -> AppError:
    """Map any exception to an AppError; log unexpected ones with their trace and return a generic 500."""
    if isinstance(error, AppError):
        return error
    _log.error("unexpected error", exc_info=error)
    return AppError()
