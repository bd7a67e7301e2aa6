"""Days and months of a time zone, as half-open ranges of instants.

A day lasts from its first instant to the first instant of the next day, so each instant belongs to exactly one day:
also on days of 23 or 25 hours, on a day whose midnight does not exist, and at the last microsecond of a month. Zones
are those of the IANA database, which the package tzdata carries where the system has none.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, WithJsonSchema

_NOT_PLACES = frozenset({"Factory", "localtime", "posixrules"})
_MONTH_FORM = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")
MONTH_REASON = "must be a month (YYYY-MM, such as 2026-01)"
FIRST_INSTANT = datetime.min.replace(tzinfo=UTC)
LAST_INSTANT = datetime.max.replace(tzinfo=UTC)
UTC_ZONE = ZoneInfo("UTC")
_ONE_DAY = timedelta(days=1)


class DayPiece(NamedTuple):
    """A part of a day of a zone, `start <= instant < end`, that lies within one day of UTC."""

    start: datetime
    end: datetime
    day: date

    @property
    def utc_day(self) -> date:
        """Return the day of UTC."""
        return self.start.date()


class Shift(NamedTuple):
    """How databases compute days: from `start` to the start of the next shift, it is the UTC date of instant + `by`."""

    start: datetime
    by: timedelta


@lru_cache
def zone_names() -> frozenset[str]:
    """Return the names of all time zones."""
    return frozenset(available_timezones()) - _NOT_PLACES


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


def start_of(first: date | datetime, zone: tzinfo) -> datetime:
    """Return the first instant of a range that begins with a day of a zone, or with an instant."""
    return first if isinstance(first, datetime) else day_start(first, zone)


def end_of(last: date | datetime, zone: tzinfo) -> datetime | None:
    """Return the first instant after a range that includes a day of a zone, or an instant; None after the last one."""
    if isinstance(last, datetime):
        return None if last >= LAST_INSTANT else last + datetime.resolution
    return None if last == date.max else day_end(last, zone)


def shifts(since: datetime, until: datetime, zone: tzinfo) -> list[Shift]:
    """Return the shifts of a zone that give the days of all instants from `since` to `until`, in order.

    They follow `day_start` alone, so they agree with `day_of` for each instant.
    """
    years = range(day_of(since, zone).year, day_of(until, zone).year + 1)
    changes = [change for year in years for change in _shifts_of_year(year, zone)]
    first = max((place for place, change in enumerate(changes) if change.start <= since), default=0)
    found: list[Shift] = []
    for change in changes[first:]:
        if change.start <= until and (not found or found[-1].by != change.by):
            found.append(change)
    return found


def day_pieces(since: datetime, until: datetime, zone: tzinfo) -> Iterator[DayPiece]:
    """Yield the pieces of the days of a zone, from `since` (in UTC) to `until`, in order and without gaps."""
    start, day = since, day_of(since, zone)
    while start < until:
        end_of_day = day_end(day, zone)
        if start < end_of_day:
            end = min(end_of_day, day_end(start.date(), UTC), until)
            yield DayPiece(start, end, day)
            start = end
        if start >= end_of_day:
            day += _ONE_DAY


@lru_cache(maxsize=1024)
def _shifts_of_year(year: int, zone: tzinfo) -> tuple[Shift, ...]:
    """Return the shift at the start of a year, and each change of it up to the start of the next year."""
    day, start = date(year, 1, 1), day_start(date(year, 1, 1), zone)
    found = [Shift(start, _shift_at(day, start))]
    while day.year == year and day < date.max:
        day, before = day + _ONE_DAY, start
        start = day_start(day, zone)
        shift = _shift_at(day, start)
        if shift != found[-1].by:
            # Any instant will do that is within a day after one start and within a day before the other.
            found.append(Shift(before + max(timedelta(0), start - before - _ONE_DAY), shift))
    return tuple(found)


def _shift_at(day: date, start: datetime) -> timedelta:
    return datetime.combine(day, time(), UTC) - start


Zone = Annotated[
    ZoneInfo,
    PlainValidator(read_zone),
    PlainSerializer(lambda zone: zone.key, return_type=str),
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
