"""What pages need of the profile of the person at the browser: asked once, at login, and kept in the session.

It is whether the e-mail address is verified, and the time zone. So a page can say it without a call of its own. The
profile page asks again, and corrects what is kept.
"""

from contextlib import suppress

from flask import session

from api_gateway.clients.auth import Profile
from api_gateway.pages.common.sections import auth_service
from api_gateway.web import time_zones
from shared.core.errors import AppError
from shared.web.access import Caller

UNVERIFIED = "email_is_unverified"


def ask(caller: Caller) -> None:
    """Ask for the profile of somebody who has just logged in. When auth is away, the address counts as verified."""
    with suppress(AppError):
        remember(auth_service().profile(caller.token))


def remember(profile: Profile) -> None:
    """Keep what a profile says."""
    time_zones.remember(profile.time_zone)
    if profile.email_verified or profile.role != "customer":
        session.pop(UNVERIFIED, None)
    else:
        session[UNVERIFIED] = True
