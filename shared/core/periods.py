"""Days, instants and ranges in requests and responses: ISO 8601, in UTC. Filters take a day or an instant."""

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from math import ceil
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema

DAY_REASON = "must be a day (YYYY-MM-DD, such as 2026-01-31)"
INSTANT_REASON = (
    "must be a day (YYYY-MM-DD, such as 2026-01-31) or an instant (YYYY-MM-DDTHH:MM:SS[.ffffff] with Z or an offset, "
    "such as 2026-01-31T12:00:00Z or 2026-01-31T13:00:00+01:00)"
)
PLUS_HINT = "; write the + of an offset as %2B in an address, where + means a space"
_DAY_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK_FORM = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_INSTANT_FORM = re.compile(rf"{_DAY_FORM.pattern}T{_CLOCK_FORM}:[0-5][0-9](?:\.[0-9]{{1,6}})?(?:Z|[+-]{_CLOCK_FORM})")


def wait_text(seconds: float) -> str:
    """Format a waiting time: "1 second", "40 seconds"; from a minute on in whole minutes, rounded up."""
    count, unit = (ceil(seconds), "second") if seconds < 60 else (ceil(seconds / 60), "minute")
    return f"{max(count, 1)} {unit}{'' if count <= 1 else 's'}"


@lru_cache(maxsize=1024)  # most instants in the responses of one batch are equal
def to_text(instant: datetime) -> str:
    """Format an instant as 2026-01-31T12:00:00.000000Z. A naive datetime is UTC, as SQLite returns it."""
    in_utc = instant if instant.tzinfo is None else instant.astimezone(UTC)
    return in_utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def read_day(text: Any) -> date:
    """Parse a day in the form YYYY-MM-DD. Raises ValueError, naming the form, for any other value."""
    try:
        return date.fromisoformat(text if _DAY_FORM.fullmatch(text) else "")
    except (ValueError, TypeError):
        raise ValueError(DAY_REASON) from None


def _day_or_instant(text: Any) -> date | datetime:
    """Parse a day as a date and an instant as a datetime. Raises ValueError, naming both forms, for any other value."""
    if isinstance(text, str) and _INSTANT_FORM.fullmatch(text):
        return _parse_instant(text)
    try:
        return read_day(text)
    except ValueError:
        was_plus = isinstance(text, str) and _INSTANT_FORM.fullmatch(text.replace(" ", "+"))
        raise ValueError(f"{INSTANT_REASON}{PLUS_HINT}" if was_plus else INSTANT_REASON) from None


def _parse_instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(INSTANT_REASON) from None  # a day that does not exist, such as 30 February
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("must lie in the years 0001 to 9999, in UTC") from None


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
"""A day in a query, in the form YYYY-MM-DD."""


DayOrInstant = Annotated[date | datetime, PlainValidator(_day_or_instant), _SCHEMA]
"""A day or an instant in a query, where a time zone decides when the day begins."""
_INSTANT = {"type": "string", "format": "date-time"}
Timestamp = Annotated[
    datetime, PlainSerializer(to_text, return_type=str), WithJsonSchema(_INSTANT, mode="serialization")
]
"""An instant in a response, rendered by `to_text`."""
TimestampText = Annotated[str, WithJsonSchema(_INSTANT)]
"""An instant in a response that `to_text` has rendered already."""
