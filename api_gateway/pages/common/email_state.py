"""Whether the e-mail address of the person at the browser is verified: asked once, at login, and kept in the session.

So the dashboard can say it without a call of its own. The profile page asks again, and corrects what is kept.
"""

from contextlib import suppress

from flask import session

from api_gateway.clients.auth import Profile
from api_gateway.pages.common.sections import auth_service
from shared.core.errors import AppError
from shared.web.access import Caller

UNVERIFIED = "email_is_unverified"


def ask(caller: Caller) -> None:
    """Ask after the address of a customer who has just logged in. When auth is away, it counts as verified."""
    if not caller.is_staff:
        with suppress(AppError):
            remember(auth_service().profile(caller.token))


def remember(profile: Profile) -> None:
    """Keep what a profile says."""
    if profile.email_verified:
        session.pop(UNVERIFIED, None)
    else:
        session[UNVERIFIED] = True
