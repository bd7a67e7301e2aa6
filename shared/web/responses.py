"""The one form of every JSON answer: success with its resources, failure with its four keys."""

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
    """An answer of a `success_body`."""
    return Response(success_body(message=message, **resources), status, content_type=JSON)


def success_body(*, message: str | None = None, **resources: Any) -> bytes:
    """`{"success": true, "message": …, "<resource>": …}`; resources may be pydantic models, or lists of them."""
    body: dict[str, Any] = {"success": True}
    if message is not None:
        body["message"] = message
    body.update(resources)
    return to_json(body)


def failure(error: AppError) -> Response:
    """`{"success": false, "message": …, "error_code": …, "details": {}}` with the error's status."""
    body = {"success": False, "message": error.message, "error_code": error.code, "details": error.details}
    response = Response(to_json(body), error.status, content_type=JSON)
    response.headers.update(error.headers)
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def from_http_exception(exception: HTTPException) -> AppError:
    """Werkzeug's own errors (404, 405, 413, …) as ours; other 4xx become a plain 400, the rest a 500."""
    status = exception.code or 500
    if status in GENERIC_BY_STATUS:
        return GENERIC_BY_STATUS[status]()
    return InvalidRequest() if 400 <= status < 500 else AppError()


def install_error_handlers(app: Flask, render: Callable[[AppError], Any] = failure) -> None:
    """Answer every error of `app` through `render`. Unexpected ones are logged with their trace and answered as 500."""

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
        return render(as_told(exception))


def as_told(error: Exception) -> AppError:
    """An error as a caller may hear of it: an unexpected one is logged with its trace, and told as a plain 500."""
    if isinstance(error, AppError):
        return error
    _log.error("unexpected error", exc_info=error)
    return AppError()
