"""What transactions add up to, as it is answered."""

from typing import Annotated

from pydantic import Field

from shared.core.money import AmountText, Currency
from shared.web.validation.openapi import Answer, Described
from transaction_service.volume_storage import Volume, Volumes


class TypeTotal(Described):
    """How many transactions of a type, and the sum of their amounts, in and out alike."""

    count: int
    """How many there are."""
    total: AmountText
    """The sum of their amounts, in and out alike."""


class DayTotal(Described):
    """One day's transactions."""

    date: Annotated[str, Field(examples=["2026-01-31"])]
    """The day."""
    count: int
    """How many there are."""
    total: AmountText
    """The sum of their amounts, in and out alike."""
    income: AmountText
    """What came in."""
    expense: AmountText
    """What went out."""


class Summary(Described):
    """Completed transactions, summed up."""

    count: int
    """How many transactions there are."""
    by_type: Annotated[dict[str, TypeTotal], Field(examples=[{"deposit": {"count": 3, "total": "1250.00"}}])]
    """The same for each type."""
    by_day: list[DayTotal]
    """The same for each day."""
    income: AmountText
    """What came in."""
    expense: AmountText
    """What went out."""
    net: AmountText
    """What came in, less what went out."""
    average: AmountText
    """The mean amount."""
    largest: AmountText
    """The largest amount."""


class SummaryAnswer(Answer):
    """Completed transactions, summed up."""

    summary: Summary
    """The sums."""


class Statistics(Described):
    """The whole bank's completed transactions, counted."""

    count: int
    """How many there are."""
    by_type: Annotated[dict[str, TypeTotal], Field(examples=[{"deposit": {"count": 3, "total": "1250.00"}}])]
    """The same for each type."""
    by_day: list[DayTotal]
    """The same for each day."""


class StatisticsAnswer(Answer):
    """The whole bank's completed transactions, counted."""

    statistics: Statistics
    """The counts."""


def summary_of(volumes: Volumes, currency: Currency) -> Summary:
    """What some transactions add up to."""
    text, days = currency.to_text, volumes.by_day.values()
    count, total_minor = sum(day.count for day in days), sum(day.total_minor for day in days)
    income_minor, expense_minor = sum(day.income_minor for day in days), sum(day.expense_minor for day in days)
    return Summary(
        count=count,
        by_type=_by_type(volumes.by_type, currency),
        by_day=_by_day(volumes.by_day, currency),
        income=text(income_minor),
        expense=text(expense_minor),
        net=text(income_minor - expense_minor),
        average=text(_average_minor(total_minor, count)),
        largest=text(max((day.largest_minor for day in days), default=0)),
    )


def statistics_of(volumes: Volumes, currency: Currency) -> Statistics:
    """How many transactions there are, in all, by type and by day."""
    return Statistics(
        count=sum(volume.count for volume in volumes.by_day.values()),
        by_type=_by_type(volumes.by_type, currency),
        by_day=_by_day(volumes.by_day, currency),
    )


def _average_minor(total_minor: int, count: int) -> int:
    """The mean amount, to the nearest minor unit, halves up; zero of nothing."""
    return (2 * total_minor + count) // (2 * count) if count else 0


def _by_type(volumes: dict[str, Volume], currency: Currency) -> dict[str, TypeTotal]:
    text = currency.to_text
    return {kind: TypeTotal(count=volume.count, total=text(volume.total_minor)) for kind, volume in volumes.items()}


def _by_day(volumes: dict[str, Volume], currency: Currency) -> list[DayTotal]:
    text = currency.to_text
    return [
        DayTotal(
            date=day,
            count=volume.count,
            total=text(volume.total_minor),
            income=text(volume.income_minor),
            expense=text(volume.expense_minor),
        )
        for day, volume in volumes.items()
    ]
