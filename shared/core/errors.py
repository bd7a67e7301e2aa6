"""The tree of errors: what can go wrong, as an HTTP status and a stable code.

Rules raise these (or subclasses of their own), clients of other services turn refusals back into them, and
`shared.web.responses` writes them down in the one form. The message is shown to people, so it never holds a secret.
"""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self


class CannotStart(Exception):
    """The process can't start. The message is for the person who starts it: what is wrong, and what to do.

    A process that ends for this reason ends with `exit_status` (EX_CONFIG of sysexits.h): starting it again won't help.
    """

    exit_status: ClassVar[int] = os.EX_CONFIG


class AppError(Exception):
    """Any failure that is answered on purpose: `status`, `code`, `message`, `details`, and `retry_after_seconds`.

    `headers` are those that each answer of the class carries.
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
    """400: the request can't be understood; `details` maps each field to what is wrong with it."""

    status = 400
    code = "INVALID_REQUEST"
    message = "The request is not valid."

    @classmethod
    def of(cls, field: str, reason: str) -> Self:
        """Return the refusal of one field, which the message names too; `reason` is the rest of the sentence."""
        return cls(f"The request is not valid: {field} {reason}.", details={field: reason})


class InvalidHost(InvalidRequest):
    """400: the request names no host, more than one, or one that can't be one."""

    code = "INVALID_HOST"
    message = "The request needs exactly one Host header with a valid host name and port."


class Refused(AppError):
    """400: a well-formed request that the rules of the service refuse. Subclasses carry their own code."""

    status = 400
    code = "REFUSED"
    message = "The request was refused. Nothing was changed."


class NotAuthenticated(AppError):
    """401: nobody is logged in."""

    status = 401
    code = "AUTHENTICATION_REQUIRED"
    message = "Please log in first."


class TokenExpired(NotAuthenticated):
    """401: the token was good once."""

    code = "TOKEN_EXPIRED"
    message = "The session has expired. Please log in again."


class InvalidToken(NotAuthenticated):
    """401: the token is not one of ours, or its session has ended."""

    code = "INVALID_TOKEN"
    message = "The token is not valid. Log in again."


class InvalidCredentials(NotAuthenticated):
    """401: the name or the secret is wrong, and which of them is not told."""

    code = "INVALID_CREDENTIALS"
    message = "The username or the password is not right. Check both, and try again."


class Forbidden(AppError):
    """403: logged in, but without the role or scope."""

    status = 403
    code = "FORBIDDEN"
    message = "You are not allowed to do this. It needs another role."


class NotFound(AppError):
    """404: there is no such thing, or none that the caller may know of."""

    status = 404
    code = "NOT_FOUND"
    message = "There is nothing at this address. Check it for typing errors."


class MethodNotAllowed(AppError):
    """405."""

    status = 405
    code = "METHOD_NOT_ALLOWED"
    message = "This address does not take that method. The Allow header names those that it takes."


class Conflict(AppError):
    """409: the request does not fit the present state."""

    status = 409
    code = "CONFLICT"
    message = "This does not fit the present state. Look at that again, then repeat the request."


class PayloadTooLarge(AppError):
    """413."""

    status = 413
    code = "PAYLOAD_TOO_LARGE"
    message = "The request is larger than we accept. Send less at a time."


class UnsupportedMediaType(AppError):
    """415: bodies are JSON."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"
    message = "Send the body as application/json."


class ContentCodingNotSupported(UnsupportedMediaType):
    """415: the body is compressed; the header says that it may not be (RFC 9110, section 12.5.3)."""

    headers = MappingProxyType({"Accept-Encoding": "identity"})
    message = "Send the body without a content coding: compressed bodies are not accepted."


class CharsetNotSupported(UnsupportedMediaType):
    """415: the body is text of another encoding than UTF-8."""

    message = "Send the body as UTF-8; other character encodings are not accepted."


class Unprocessable(AppError):
    """422: well-formed, but in contradiction to something said before."""

    status = 422
    code = "UNPROCESSABLE"
    message = "The request contradicts an earlier one. Look at what came of that before you repeat it."


class TooManyRequests(AppError):
    """429: `retry_after_seconds` says when to come back."""

    status = 429
    code = "TOO_MANY_REQUESTS"
    message = "There were too many requests. Wait a moment, then try again."


class ServiceUnavailable(AppError):
    """503: this service, or one it depends on, can't answer now."""

    status = 503
    code = "SERVICE_UNAVAILABLE"
    message = "The service is not available right now. Please try again shortly."


class OutcomeUnknown(ServiceUnavailable):
    """503: what was asked for may have been done, and may not."""

    message = "The service did not answer, so it is not known whether this was done. Look before you send it again."

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


def from_answer(status: int, body: Any, retry_after_seconds: int | None = None) -> AppError:
    """The error that another service answered, as one of ours: its status, code, message and details."""
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
