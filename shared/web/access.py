"""Who may call: every route carries exactly one of these decorators, and the house test checks that it does.

public        anybody
private       a logged-in person; the view gets the Caller as its first argument
staff_only    an employee or an admin
admin_only    an admin
service_only  another service of the suite, with the named scope; never a person; `g.service` is its name
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from uuid import UUID

from flask import Flask, current_app, g, request

from shared.core.errors import Forbidden, NotAuthenticated
from shared.security.tokens import ServiceClaims, TokenVerifier, UserClaims, bearer_token

View = Callable[..., Any]
STAFF_ROLES = frozenset({"admin", "employee"})


@dataclass(frozen=True)
class Caller:
    """The person behind a request, and the token to carry on to other services."""

    user_id: UUID
    username: str
    role: str
    session_id: UUID
    token: str

    @property
    def is_staff(self) -> bool:
        """Employees and admins."""
        return self.role in STAFF_ROLES


def public(view: View) -> View:
    """Anybody may call."""
    return _marked(view, "public")


def private(view: View) -> View:
    """Anybody who is logged in may call; the view gets the Caller first."""

    @wraps(view)
    def wrapper(**kwargs: Any) -> Any:
        return view(_caller(), **kwargs)

    return _marked(wrapper, "private")


def staff_only(view: View) -> View:
    """Employees and admins may call; the view gets the Caller first."""
    return _restricted(view, STAFF_ROLES, "staff")


def admin_only(view: View) -> View:
    """Admins may call; the view gets the Caller first."""
    return _restricted(view, frozenset({"admin"}), "admin")


def service_only(scope: str) -> Callable[[View], View]:
    """Another service may call, when its token has `scope`."""

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(**kwargs: Any) -> Any:
            claims = token_verifier().verify(token_of_request())
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
    """What the decorator said of a view: public, private, staff, admin, service:<scope>, or None."""
    return getattr(view, "access", None)


def report_refusals(app: Flask, report: Callable[[Caller], None]) -> None:
    """Call `report` with each person who may not call what they called, before they are refused."""
    app.extensions["report_refusal"] = report


def _restricted(view: View, roles: frozenset[str], name: str) -> View:
    @wraps(view)
    def wrapper(**kwargs: Any) -> Any:
        caller = _caller()
        if caller.role not in roles:
            if report := current_app.extensions.get("report_refusal"):
                report(caller)
            raise Forbidden
        return view(caller, **kwargs)

    return _marked(wrapper, name)


def _marked(view: View, access: str) -> View:
    view.access = access  # type: ignore[attr-defined]  # functions take attributes, Callable does not say so
    return view


def caller_of(token: str) -> Caller:
    """The person a token was given to. Raises NotAuthenticated for a bad token, Forbidden for a service's."""
    claims = token_verifier().verify(token)
    if not isinstance(claims, UserClaims):
        raise Forbidden
    return Caller(claims.user_id, claims.username, claims.role, claims.session_id, token)


def _caller() -> Caller:
    """By the bearer token, unless the app knows its callers otherwise (`app.extensions["identify_caller"]`)."""
    identify: Callable[[], Caller] | None = current_app.extensions.get("identify_caller")
    caller = identify() if identify else caller_of(token_of_request())
    g.user_id = caller.user_id
    return caller


def token_verifier() -> TokenVerifier:
    """Return the token verifier of the current app."""
    verifier: TokenVerifier = current_app.extensions["token_verifier"]
    return verifier
