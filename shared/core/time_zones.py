"""Days and months of a time zone, as half-open ranges of instants.

A day lasts from its first instant to the first instant of the next day, so each instant belongs to exactly one day:
also on days of 23 or 25 hours, on a day whose midnight does not exist, and at the last microsecond of a month. Zones
are those of the IANA database, which the package tzdata carries where the system has none.
"""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

_NOT_PLACES = frozenset({"Factory", "localtime", "posixrules"})
_MONTH_FORM = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
MONTH_REASON = "must be a month (YYYY-MM, such as 2026-01)"
FIRST_INSTANT = datetime.min.replace(tzinfo=UTC)
LAST_INSTANT = datetime.max.replace(tzinfo=UTC)
_ONE_DAY = timedelta(days=1)


@lru_cache
def zone_names() -> frozenset[str]:
    """Return the names of all time zones."""
    return frozenset(available_timezones()) - _NOT_PLACES


@lru_cache
def read_zone(name: Any) -> ZoneInfo:
    """Return the time zone with this IANA name. Raises ValueError for any other value."""
    if not isinstance(name, str) or name not in zone_names():
        raise ValueError("must be the name of a time zone, such as Europe/Athens or UTC")
    return ZoneInfo(name)


def read_month(text: Any) -> date:
    """Return the first day of a month in the form YYYY-MM. Raises ValueError, naming the form, for any other value."""
    if not isinstance(text, str) or not _MONTH_FORM.fullmatch(text) or text.startswith("0000"):
        raise ValueError(MONTH_REASON)
    return date.fromisoformat(f"{text}-01")


def last_of_month(day: date) -> date:
    """Return the last day of the month of `day`."""
    try:
        return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - _ONE_DAY
    except OverflowError:
        return date.max


def day_start(day: date, zone: tzinfo) -> datetime:
    """Return the first instant of a day, in UTC; the first or last datetime where the day reaches beyond them.

    Where clocks skip midnight, that is the instant at which they do so; where they show midnight twice, the first one.
    """
    try:
        return datetime.combine(day, time(), zone).astimezone(UTC)
    except OverflowError:
        return FIRST_INSTANT if day.year == 1 else LAST_INSTANT


def day_end(day: date, zone: tzinfo) -> datetime:
    """Return the first instant after a day, in UTC; the last datetime after the last day."""
    return LAST_INSTANT if day == date.max else day_start(day + _ONE_DAY, zone)


def day_of(instant: datetime, zone: tzinfo) -> date:
    """Return the day with `day_start(day) <= instant < day_end(day)`.

    It is the date that clocks show, but for the hour that they show again when they were set back over midnight.
    """
    shown = instant.astimezone(zone).date()
    return shown if instant < day_end(shown, zone) else shown + _ONE_DAY


Zone = Annotated[
    ZoneInfo,
    PlainValidator(read_zone),
    WithJsonSchema({"type": "string", "examples": ["Europe/Athens"]}),
]
"""A time zone in a request, by its IANA name."""
ZoneName = Annotated[str, AfterValidator(lambda name: read_zone(name).key), Field(examples=["Europe/Athens"])]
"""The IANA name of a time zone."""
Month = Annotated[
    date,
    BeforeValidator(read_month),
    WithJsonSchema({"type": "string", "pattern": f"^{_MONTH_FORM.pattern}$", "examples": ["2026-01"]}),
]
"""A month in a query, in the form YYYY-MM; its value is its first day."""
