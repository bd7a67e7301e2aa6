"""Times: UTC everywhere, ISO 8601 with Z at the edges; a filter takes a day or an instant."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema


class _Clock:
    """The clock of this process."""

    set_back_file: Path | None = None

    def set_back(self) -> timedelta:
        """How far it is set back now."""
        if self.set_back_file is None:
            return timedelta()
        try:
            return timedelta(seconds=max(0, int(self.set_back_file.read_text(encoding="ascii"))))
        except (OSError, ValueError, OverflowError):
            return timedelta()


_clock = _Clock()


def now() -> datetime:
    """The present instant, in UTC, unless `set_clock_back_by` was told otherwise."""
    return datetime.now(UTC) - _clock.set_back()


def real_now() -> datetime:
    """The present instant, in UTC, by the true clock: for what expires."""
    return datetime.now(UTC)


def set_clock_back_by(file: Path | None) -> None:
    """Set this process's clock back by as many seconds as `file` says at each moment; None lets it run true.

    For making a history to show. It can't be set forward, and the expiry of tokens follows the real clock.
    """
    _clock.set_back_file = file


@lru_cache(maxsize=1024)  # what is answered in one batch is mostly of one moment
def to_text(instant: datetime) -> str:
    """2026-01-31T12:00:00.000000Z; a naive time (SQLite keeps no zone) is UTC."""
    in_utc = instant if instant.tzinfo is None else instant.astimezone(UTC)
    return in_utc.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _instant(value: Any, *, end_of_day: bool) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    text = str(value)
    try:
        if len(text) == 10:
            day = date.fromisoformat(text) + timedelta(days=1 if end_of_day else 0)
            return datetime.combine(day, time(), UTC)
        instant = datetime.fromisoformat(text)
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        return instant + timedelta(microseconds=1) if end_of_day else instant
    except (ValueError, OverflowError):
        raise ValueError("must be a day (2026-01-31) or an instant (2026-01-31T12:00:00Z)") from None


_SCHEMA = WithJsonSchema({"type": "string", "examples": ["2026-01-31", "2026-01-31T12:00:00Z"]})
From = Annotated[datetime | None, BeforeValidator(lambda value: _instant(value, end_of_day=False)), _SCHEMA]
"""The first instant of a range: a day stands for its start."""
Until = Annotated[datetime | None, BeforeValidator(lambda value: _instant(value, end_of_day=True)), _SCHEMA]
"""The instant just after a range: a day stands for the start of the next one, an instant includes itself."""
_INSTANT = {"type": "string", "format": "date-time"}
Timestamp = Annotated[
    datetime, PlainSerializer(to_text, return_type=str), WithJsonSchema(_INSTANT, mode="serialization")
]
"""An instant in an answer."""
TimestampText = Annotated[str, WithJsonSchema(_INSTANT)]
"""The same, written by `to_text` already."""
