"""Ranges in queries: of time, whose days begin where a time zone says, and of amounts. A reversed one is refused."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from shared.core.errors import InvalidRequest
from shared.core.money import MAX_AMOUNT, AmountBound, Currency
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

    @model_validator(mode="after")
    def _require_order(self) -> Self:
        """Raise InvalidRequest for a range that ends before it begins. A day that a zone skips is an empty range."""
        begin, end = self.first, self.last
        if isinstance(begin, datetime) or isinstance(end, datetime):
            begin, end = self.since, self.until
        if begin and end and begin > end:
            raise InvalidRequest.of("from", "must not be after to")
        return self

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

    @model_validator(mode="after")
    def _require_range_before(self) -> Self:
        """Raise InvalidRequest for a range before that has no end, or ends before it begins."""
        if self.compare_since and (self.since is None or self.compare_since > self.since):
            raise InvalidRequest.of("compare_from", "must not be after from, which must be given too")
        return self

    @property
    def compare_since(self) -> datetime | None:
        """Return the first instant of the range before; None if none is named."""
        return None if self.first_before is None else start_of(self.first_before, self.tz)


def _require_at_most_the_maximum(amount: Decimal) -> Decimal:
    if amount > MAX_AMOUNT:
        raise ValueError(f"must be at most {MAX_AMOUNT:,}")
    return amount


_End = Annotated[AmountBound, AfterValidator(_require_at_most_the_maximum)]


class AmountRange(Query):
    """A range of amounts, both ends included. An end is at most the largest payment, or zero."""

    at_least: Annotated[_End | None, Field(alias="min")] = None
    """The smallest amount."""
    at_most: Annotated[_End | None, Field(alias="max")] = None
    """The largest amount."""

    @model_validator(mode="after")
    def _require_amounts_in_order(self) -> Self:
        """Raise InvalidRequest for a range whose smallest amount is above the largest."""
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise InvalidRequest.of("min", "must not be above max")
        return self

    def bounds_minor(self, currency: Currency) -> tuple[int | None, int | None]:
        """Return both ends in minor units. Raises InvalidRequest, naming the parameter, for too many decimals."""
        at_least = None if self.at_least is None else currency.to_minor(self.at_least, "min")
        return at_least, None if self.at_most is None else currency.to_minor(self.at_most, "max")
