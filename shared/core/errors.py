"""The tree of errors. Each class has an HTTP status, a stable error code and a message.

Rules raise these classes or subclasses of their own. Clients convert the error responses of other services back to
them. `shared.web.responses` renders them as JSON. The message is shown to people and must not contain a secret.
"""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self


class CannotStart(Exception):
    """The process can't start. The message tells the operator what is wrong and what to do.

    The process exits with `exit_status` (EX_CONFIG of sysexits.h), so that the supervisor does not restart it.
    """

    exit_status: ClassVar[int] = os.EX_CONFIG


class AppError(Exception):
    """Base class of errors that become an error response with `status`, `code`, `message` and `details`.

    `retry_after_seconds` becomes the header Retry-After. `headers` are added to every response of the class.
    """

    status: ClassVar[int] = 500
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    code: str = "INTERNAL_ERROR"
    message: str = "Something went wrong on our side."

    def __init__(
        self,
        message: str | None = None,
        *,
        details: dict[str, Any] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        self.message = message or type(self).message
        self.details = details or {}
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.message)


class InvalidRequest(AppError):
    """400: the request fails validation; `details` maps each field to the reason."""

    status = 400
    code = "INVALID_REQUEST"
    message = "The request is not valid."

    @classmethod
    def of(cls, field: str, reason: str) -> Self:
        """Return the error for one field. `reason` completes a sentence that begins with the field: "must be a day"."""
        return cls(f"The request is not valid: {field} {reason}.", details={field: reason})


class InvalidHost(InvalidRequest):
    """400: the Host header is missing, repeated or invalid (RFC 9112, section 3.2)."""

    code = "INVALID_HOST"
    message = "The request needs exactly one Host header with a valid host name and port."


class Refused(AppError):
    """400: a valid request that a business rule refuses. Subclasses have their own code."""

    status = 400
    code = "REFUSED"
    message = "The request was refused. Nothing was changed."


class NotAuthenticated(AppError):
    """401: the request has no credentials."""

    status = 401
    code = "AUTHENTICATION_REQUIRED"
    message = "Please log in first."


class TokenExpired(NotAuthenticated):
    """401: the token has expired."""

    code = "TOKEN_EXPIRED"
    message = "The session has expired. Please log in again."


class InvalidToken(NotAuthenticated):
    """401: the token is malformed, has a wrong signature or claim, or belongs to an ended session."""

    code = "INVALID_TOKEN"
    message = "The token is not valid. Log in again."


class InvalidCredentials(NotAuthenticated):
    """401: the username or the password is wrong. The response does not tell which one."""

    code = "INVALID_CREDENTIALS"
    message = "The username or the password is wrong. Check both, and try again."


class Forbidden(AppError):
    """403: the caller lacks the required role or scope."""

    status = 403
    code = "FORBIDDEN"
    message = "You are not allowed to do this. It needs another role."


class NotFound(AppError):
    """404: the resource does not exist, or the caller may not know that it exists."""

    status = 404
    code = "NOT_FOUND"
    message = "There is nothing at this address. Check it for typing errors."


class MethodNotAllowed(AppError):
    """405: the path exists, but not with this method."""

    status = 405
    code = "METHOD_NOT_ALLOWED"
    message = "This address does not take that method. The Allow header names those that it takes."


class RequestTimeout(AppError):
    """408: the request body came too slowly. As the rest of it is not read, the connection ends (RFC 9110, 15.5.9)."""

    status = 408
    headers = MappingProxyType({"Connection": "close"})
    code = "REQUEST_TIMEOUT"
    message = "The request came too slowly, so nothing was done. Send it again."


class Conflict(AppError):
    """409: the request conflicts with the current state of the resource."""

    status = 409
    code = "CONFLICT"
    message = "This does not fit the present state. Load that again, then repeat the request."


class PayloadTooLarge(AppError):
    """413: the request body is larger than the limit. As it is not read, the connection ends (RFC 9112, 9.3)."""

    status = 413
    headers = MappingProxyType({"Connection": "close"})
    code = "PAYLOAD_TOO_LARGE"
    message = "The request is too large. Send less at a time."


class UnsupportedMediaType(AppError):
    """415: the content type of the body is not application/json."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"
    message = "Send the body as application/json."


class ContentCodingNotSupported(UnsupportedMediaType):
    """415: the body is compressed. Accept-Encoding says that it must not be (RFC 9110, section 12.5.3)."""

    headers = MappingProxyType({"Accept-Encoding": "identity"})
    message = "Send the body without a content coding: compressed bodies are not accepted."


class CharsetNotSupported(UnsupportedMediaType):
    """415: the charset of the body is not UTF-8."""

    message = "Send the body as UTF-8; other character encodings are not accepted."


class Unprocessable(AppError):
    """422: the request is valid, but contradicts an earlier one."""

    status = 422
    code = "UNPROCESSABLE"
    message = "The request contradicts an earlier one. Check the outcome of that before you repeat it."


class TooManyRequests(AppError):
    """429: a rate limit was exceeded; `retry_after_seconds` says when to retry."""

    status = 429
    code = "TOO_MANY_REQUESTS"
    message = "There were too many requests. Wait a moment, then try again."


class ServiceUnavailable(AppError):
    """503: this service, or one that it depends on, can't be reached or is overloaded."""

    status = 503
    code = "SERVICE_UNAVAILABLE"
    message = "The service is not available right now. Please try again shortly."


class OutcomeUnknown(ServiceUnavailable):
    """503: no response arrived, so the operation may or may not have been executed."""

    message = "The service did not answer, so it is not known whether this was done. Check before you send it again."

    def __init__(self) -> None:
        super().__init__(details={"outcome": "unknown"}, retry_after_seconds=1)


GENERIC_BY_STATUS: dict[int, type[AppError]] = {
    error.status: error
    for error in (
        InvalidRequest,
        NotAuthenticated,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        Conflict,
        PayloadTooLarge,
        UnsupportedMediaType,
        Unprocessable,
        TooManyRequests,
        ServiceUnavailable,
    )
}


def from_response(status: int, body: Any, retry_after_seconds: int | None = None) -> AppError:
    """Convert the error response of another service to an AppError with its status, code, message and details.

    Returns ServiceUnavailable for a status or a body that is no error response of this system.
    """
    known = GENERIC_BY_STATUS.get(status)
    if known is None or not isinstance(body, dict) or not isinstance(body.get("error_code"), str):
        return ServiceUnavailable()
    details = body.get("details")
    error = known(
        str(body.get("message", "")) or None,
        details=details if isinstance(details, dict) else None,
        retry_after_seconds=retry_after_seconds,
    )
    error.code = body["error_code"]
    return error
