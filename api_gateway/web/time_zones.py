"""The time zone of a page: that of the person's profile, else the browser's, else the bank's.

The profile's is kept in the session, so that no page needs a call for it. The browser's is a cookie that the script of
the pages sets.
"""

from contextlib import suppress
from datetime import date
from zoneinfo import ZoneInfo

from flask import g, request, session

from api_gateway.web.tools import tools
from shared.core.clock import now
from shared.core.time_zones import day_of, read_zone

COOKIE = SESSION_KEY = "time_zone"


def remember(name: str | None) -> None:
    """Store the zone of the user's profile in the session; None if the profile names none."""
    g.pop("time_zone", None)
    if name:
        session[SESSION_KEY] = name
    else:
        session.pop(SESSION_KEY, None)


def page_zone() -> ZoneInfo:
    """Return the time zone in which the current page shows times and decides days."""
    if "time_zone" not in g:
        g.time_zone = _known(session.get(SESSION_KEY)) or browser_zone()
    zone: ZoneInfo = g.time_zone
    return zone


def browser_zone() -> ZoneInfo:
    """Return the zone of the browser, else the bank's."""
    return _known(request.cookies.get(COOKIE)) or tools().bank_zone


def today() -> date:
    """Return the current day in the zone of the page."""
    return day_of(now(), page_zone())


def days_since(day: date) -> dict[str, str]:
    """Return the query parameters for the days of the page's zone from `day` on."""
    return {"from": str(day), "tz": page_zone().key}


def _known(name: str | None) -> ZoneInfo | None:
    with suppress(ValueError):
        return read_zone(name)
    return None
