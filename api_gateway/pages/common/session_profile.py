"""The part of the profile that the session stores: whether the e-mail address is verified, and the time zone.

It is read at login, so that pages need no call for it. The profile page reads it again.
"""

from contextlib import suppress

from flask import session

from api_gateway.clients.auth import Profile
from api_gateway.pages.common.services import Services
from api_gateway.web import time_zones
from shared.core.errors import AppError
from shared.web.access import Caller

UNVERIFIED = "email_is_unverified"


def load(caller: Caller) -> None:
    """Read and store the profile after a login; if the auth service does not answer, the address counts as verified."""
    with suppress(AppError):
        store(Services(caller).auth.profile())


def store(profile: Profile) -> None:
    """Store that part of a profile in the session."""
    time_zones.remember(profile.time_zone)
    if profile.email_verified or profile.role != "customer":
        session.pop(UNVERIFIED, None)
    else:
        session[UNVERIFIED] = True
