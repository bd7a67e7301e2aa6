"""Ranges of time in queries, whose days begin where a time zone says."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from shared.core.periods import DayOrInstant
from shared.core.time_zones import UTC_ZONE, Zone, end_of, start_of
from shared.web.validation.openapi import Query


class TimeRange(Query):
    """A range of days or instants, both ends included."""

    first: Annotated[DayOrInstant | None, Field(alias="from")] = None
    """The first day or instant."""
    last: Annotated[DayOrInstant | None, Field(alias="to")] = None
    """The last day or instant."""
    tz: Zone = UTC_ZONE
    """The time zone in which days begin, by its IANA name."""

    @property
    def since(self) -> datetime | None:
        """Return the first instant of the range; None if it has no beginning."""
        return None if self.first is None else start_of(self.first, self.tz)

    @property
    def until(self) -> datetime | None:
        """Return the first instant after the range; None if it has no end."""
        return None if self.last is None else end_of(self.last, self.tz)


class ComparedRange(TimeRange):
    """A range, and a range before it to compare with."""

    first_before: Annotated[DayOrInstant | None, Field(alias="compare_from")] = None
    """The first day or instant of the range before. It ends where `from` begins, so both must be given."""

    @property
    def compare_since(self) -> datetime | None:
        """Return the first instant of the range before; None if none is named."""
        return None if self.first_before is None else start_of(self.first_before, self.tz)
