"""Access control: every route carries exactly one of these decorators, which a house test checks.

public        anybody
private       a logged-in user; the view gets the Caller as its first argument
staff_only    an employee or an admin
staff_with    an admin, or an employee to whom one of the named permissions is granted
admin_only    an admin
service_only  another service of the suite, with the named scope; never a user; `g.service` is its name
"""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from flask import Flask, Response, g, request

from shared.core.errors import AppError, Forbidden, NotAuthenticated
from shared.http import origins
from shared.security.tokens import ServiceClaims, TokenVerifier, UserClaims, bearer_token
from shared.web.parts import keep, part

View = Callable[..., Any]
STEP_UP_SECONDS = 300.0
STAFF_ROLES = frozenset({"admin", "employee"})


class MfaSetupRequired(Forbidden):
    """403: the user must set up a second factor before anything else."""

    code = "MFA_SETUP_REQUIRED"
    message = "Your role requires two-step login. Set it up first; until then nothing else is possible."


class StepUpRequired(Forbidden):
    """403: the second factor was last proven too long ago for this request."""

    code = "STEP_UP_REQUIRED"
    message = (
        "This needs a fresh code of your second factor. Send it to /api/auth/mfa/step_up, then repeat the request with "
        "the token from there."
    )


@dataclass(frozen=True)
class Caller(UserClaims):
    """The user behind a request, with the token to pass on to other services."""

    token: str
    expires_at: float = field(default=math.inf, kw_only=True)

    @property
    def is_staff(self) -> bool:
        """Return whether the user is an employee or an admin."""
        return self.role in STAFF_ROLES

    @property
    def sees_others(self) -> bool:
        """Return whether the user may see whole names, and the ids of accounts, of people other than themselves."""
        return self.may("customers:read")

    def may(self, permission: str) -> bool:
        """Return whether the user is an admin, or an employee to whom the permission is granted, as by default."""
        is_granted = self.permissions is None or permission in self.permissions
        return self.role == "admin" or (self.is_staff and is_granted)


@dataclass(frozen=True)
class Identification:
    """How an app finds out who sends the current request."""

    identify: Callable[[], Caller]
    """Returns the caller, also one who must set up a second factor. Raises NotAuthenticated or Forbidden."""


def public(view: View) -> View:
    """Let anybody call the view."""
    return _marked(view, "public")


def private(view: View) -> View:
    """Let any logged-in user call the view, which gets the Caller first."""
    return _for_users(view, "private")


def private_even_limited(view: View) -> View:
    """Let any logged-in user call the view, also one who must set up a second factor before anything else."""
    return _for_users(view, "private", even_limited=True)


def staff_only(view: View) -> View:
    """Let employees and admins call the view, which gets the Caller first."""
    return _for_users(view, "staff", lambda caller: caller.is_staff)


def staff_with(*permissions: str) -> Callable[[View], View]:
    """Let admins call the view, and employees with one of the permissions. It gets the Caller first."""

    def decorate(view: View) -> View:
        return _for_users(view, f"staff:{' or '.join(permissions)}", lambda caller: any(map(caller.may, permissions)))

    return decorate


def admin_only(view: View) -> View:
    """Let admins call the view, which gets the Caller first."""
    return _for_users(view, "admin", lambda caller: caller.role == "admin")


def service_only(scope: str) -> Callable[[View], View]:
    """Let another service call the view if its token has `scope`."""

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(**kwargs: Any) -> Any:
            claims = part(TokenVerifier).verify(token_of_request())
            if not isinstance(claims, ServiceClaims) or scope not in claims.scopes:
                raise Forbidden
            g.service = claims.service
            return view(**kwargs)

        return _marked(wrapper, f"service:{scope}")

    return decorate


def token_of_request() -> str:
    """Return the bearer token of the current request. Raises NotAuthenticated when there is none."""
    token = bearer_token(request.headers.get("Authorization"))
    if not token:
        raise NotAuthenticated
    return token


def access_of(view: View) -> str | None:
    """Return the access of a view by its decorator, or None without one.

    It is public, private, staff, staff:<permission>, admin or service:<scope>.
    """
    return getattr(view, "access", None)


def install(app: Flask, verifier: TokenVerifier) -> None:
    """Identify callers by their bearer tokens, and trust X-Forwarded-For only beside a service token.

    An app that identifies callers otherwise keeps an `Identification` of its own.
    """
    keep(app, verifier, Identification(lambda: caller_of(token_of_request(), even_limited=True)))

    @app.before_request
    def _trust() -> None:
        service_token = request.headers.get(origins.FORWARDED_BY)
        if service_token:
            with suppress(AppError):
                claims = part(TokenVerifier).verify(service_token)
                request.environ[origins.IS_TRUSTED] = isinstance(claims, ServiceClaims)


def report_refusals(app: Flask, report: Callable[[Caller], None]) -> None:
    """Call `report` with the caller of each request that is answered with 403, by an access decorator or by a rule."""

    @app.after_request
    def _report(response: Response) -> Response:
        if response.status_code == 403 and "known_caller" in g:
            report(g.known_caller)
        return response


def _for_users(
    view: View, access: str, admits: Callable[[Caller], bool] = lambda _caller: True, *, even_limited: bool = False
) -> View:
    """Call the view with the Caller first. Raises Forbidden for a user whom `admits` rejects."""

    @wraps(view)
    def wrapper(**kwargs: Any) -> Any:
        caller = _caller(even_limited=even_limited)
        if not admits(caller):
            raise Forbidden
        return view(caller, **kwargs)

    return _marked(wrapper, access)


def _marked(view: View, access: str) -> View:
    view.access = access  # type: ignore[attr-defined]  # Callable has no attributes, functions do
    return view


def require_fresh_second_factor(caller: Caller) -> None:
    """Raise StepUpRequired unless a user with a second factor has proven it within STEP_UP_SECONDS."""
    if caller.second_factor_at is not None and time.time() - caller.second_factor_at > STEP_UP_SECONDS:
        raise StepUpRequired


def caller_of(token: str, *, even_limited: bool = False) -> Caller:
    """Return the user that a token was issued to. Raises NotAuthenticated for a bad one, Forbidden for a service's.

    Raises MfaSetupRequired for a user who must set up a second factor first, unless `even_limited`.
    """
    claims = part(TokenVerifier).verify(token)
    if not isinstance(claims, UserClaims):
        raise Forbidden
    if claims.is_limited and not even_limited:
        raise MfaSetupRequired
    return Caller(**vars(claims), token=token)


def _caller(*, even_limited: bool = False) -> Caller:
    """Identify the caller. Raises MfaSetupRequired for one without the second factor that they need."""
    caller = part(Identification).identify()
    g.user_id, g.known_caller = caller.user_id, caller
    if caller.is_limited and not even_limited:
        raise MfaSetupRequired
    return caller
