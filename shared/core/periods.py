"""Times: UTC everywhere, ISO 8601 with Z at the edges; a filter takes a day or an instant, each in one form."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from math import ceil
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

NO_DAY = "must be a day (YYYY-MM-DD, such as 2026-01-31)"
NO_INSTANT = (
    "must be a day (YYYY-MM-DD, such as 2026-01-31) or an instant (YYYY-MM-DDTHH:MM:SS[.ffffff] with Z or an offset, "
    "such as 2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00)"
)
PLUS_HINT = "; write the + of an offset as %2B in an address, where + means a space"
_DAY_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK_FORM = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_INSTANT_FORM = re.compile(rf"{_DAY_FORM.pattern}T{_CLOCK_FORM}:[0-5][0-9](?:\.[0-9]{{1,6}})?(?:Z|[+-]{_CLOCK_FORM})")


def in_words(seconds: float) -> str:
    """How long to wait, for a person: 1 second, 40 seconds; from a minute on in whole minutes, rounded up."""
    count, unit = (ceil(seconds), "second") if seconds < 60 else (ceil(seconds / 60), "minute")
    return f"{max(count, 1)} {unit}{'' if count <= 1 else 's'}"


@lru_cache(maxsize=1024)  # what is answered in one batch is mostly of one moment
def to_text(instant: datetime) -> str:
    """2026-01-31T12:00:00.000000Z; a naive time (SQLite keeps no zone) is UTC."""
    in_utc = instant if instant.tzinfo is None else instant.astimezone(UTC)
    return in_utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def read_day(text: Any) -> date:
    """The day that `text` says as YYYY-MM-DD. Raises ValueError with the form for anything else."""
    try:
        return date.fromisoformat(text if _DAY_FORM.fullmatch(text) else "")
    except (ValueError, TypeError):
        raise ValueError(NO_DAY) from None


def _first_instant(text: Any) -> datetime:
    """The instant of a text, or the start of the day that it says. Raises ValueError with both forms."""
    if isinstance(text, str) and _INSTANT_FORM.fullmatch(text):
        return _in_utc(text)
    try:
        return datetime.combine(read_day(text), time(), UTC)
    except ValueError:
        was_plus = isinstance(text, str) and _INSTANT_FORM.fullmatch(text.replace(" ", "+"))
        raise ValueError(f"{NO_INSTANT}{PLUS_HINT}" if was_plus else NO_INSTANT) from None


def _in_utc(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(NO_INSTANT) from None  # a day that the calendar does not have
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie in the years 0001 to 9999, in UTC") from None


def _end(text: Any) -> datetime | None:
    first = _first_instant(text)
    try:
        return first + (timedelta(microseconds=1) if "T" in text else timedelta(days=1))
    except OverflowError:
        return None  # nothing comes after the last day


_SCHEMA = WithJsonSchema(
    {
        "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}],
        "examples": ["2026-01-31", "2026-01-31T12:00:00Z"],
    }
)
Day = Annotated[
    date,
    BeforeValidator(read_day),
    WithJsonSchema({"type": "string", "format": "date", "examples": ["2026-01-31"]}),
]
"""A day in a query: YYYY-MM-DD and nothing else."""
From = Annotated[datetime | None, BeforeValidator(_first_instant), _SCHEMA]
"""The first instant of a range in a query: a day stands for its start."""
Until = Annotated[datetime | None, BeforeValidator(_end), _SCHEMA]
"""The instant just after a range in a query: a day is included whole, an instant includes itself.

None after the last instant that there is, the end of the year 9999.
"""
_INSTANT = {"type": "string", "format": "date-time"}
Timestamp = Annotated[
    datetime, PlainSerializer(to_text, return_type=str), WithJsonSchema(_INSTANT, mode="serialization")
]
"""An instant in an answer."""
TimestampText = Annotated[str, WithJsonSchema(_INSTANT)]
"""The same, written by `to_text` already."""
