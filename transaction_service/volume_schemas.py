"""Responses with sums of transactions."""

from typing import Annotated

from pydantic import Field

from shared.core.money import AmountText, Currency
from shared.web.validation.openapi import Answer, Described
from transaction_service.volume_storage import Volume, Volumes


class TypeTotal(Described):
    """The number of transactions of a type and the sum of their amounts, incoming and outgoing."""

    count: int
    """The number of transactions."""
    total: AmountText
    """The sum of their amounts, incoming and outgoing."""


class DayTotal(Described):
    """The number and the sums of a day's transactions."""

    date: Annotated[str, Field(examples=["2026-01-31"])]
    """The day."""
    count: int
    """The number of transactions."""
    total: AmountText
    """The sum of their amounts, incoming and outgoing."""
    income: AmountText
    """The sum of incoming amounts."""
    expense: AmountText
    """The sum of outgoing amounts."""


class Summary(Described):
    """The sums of completed transactions."""

    count: int
    """The number of transactions."""
    by_type: Annotated[dict[str, TypeTotal], Field(examples=[{"deposit": {"count": 3, "total": "1250.00"}}])]
    """Number and sum by transaction type."""
    by_day: list[DayTotal]
    """Number and sums by day. Days without transactions are left out."""
    income: AmountText
    """The sum of incoming amounts."""
    expense: AmountText
    """The sum of outgoing amounts."""
    net: AmountText
    """Income minus expense."""
    average: AmountText
    """The mean amount."""
    largest: AmountText
    """The largest amount."""


class SummaryAnswer(Answer):
    """The sums of completed transactions."""

    summary: Summary
    """The sums."""


class Statistics(Described):
    """The numbers and sums of the whole bank's completed transactions."""

    count: int
    """The number of transactions."""
    by_type: Annotated[dict[str, TypeTotal], Field(examples=[{"deposit": {"count": 3, "total": "1250.00"}}])]
    """Number and sum by transaction type."""
    by_day: list[DayTotal]
    """Number and sums by day. Days without transactions are left out."""


class StatisticsAnswer(Answer):
    """The numbers and sums of the whole bank's completed transactions."""

    statistics: Statistics
    """The numbers and sums."""


def summary_of(volumes: Volumes, currency: Currency) -> Summary:
    """Return the summary of the volumes of a user or an account."""
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
    """Return the statistics of the volumes of the whole bank."""
    return Statistics(
        count=sum(volume.count for volume in volumes.by_day.values()),
        by_type=_by_type(volumes.by_type, currency),
        by_day=_by_day(volumes.by_day, currency),
    )


def _average_minor(total_minor: int, count: int) -> int:
    """Return the mean amount in minor units, rounded half up; 0 if there are no transactions."""
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
