"""Responses with sums of transactions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from shared.core.money import AmountText, Currency
from shared.core.periods import Timestamp
from shared.web.validation.openapi import Described
from transaction_service.transaction_schemas import UNCATEGORISED
from transaction_service.volumes.amount_storage import Amounts
from transaction_service.volumes.volume_storage import CategoryVolume, Volume, Volumes


@dataclass(frozen=True)
class Flows:
    """What moved on a user's accounts or on one account, from one snapshot of the database. Money is in minor units.

    `opening_minor` is the balance before the range, `later_minor` the change after it. Transactions of some types only
    have no balances.
    """

    volumes: Volumes
    amounts: Amounts
    opening_minor: int
    later_minor: int
    has_balances: bool
    by_category: dict[str, CategoryVolume]
    previous: Volumes | None
    as_of: datetime


@dataclass(frozen=True)
class BankVolumes:
    """The volumes of the whole bank, from one snapshot of the database."""

    volumes: Volumes
    by_day_and_type: dict[str, dict[str, Volume]]
    previous: Volumes | None
    as_of: datetime


class TypeTotal(Described):
    """The number of transactions of a type and the sum of their amounts, incoming and outgoing."""

    count: int
    """The number of transactions."""
    total: AmountText
    """The sum of their amounts, incoming and outgoing."""


ByType = Annotated[dict[str, TypeTotal], Field(examples=[{"deposit": {"count": 3, "total": "1250.00"}}])]


class Sums(TypeTotal):
    """The number of transactions and the sums of their amounts."""

    income: AmountText
    """The sum of incoming amounts."""
    expense: AmountText
    """The sum of outgoing amounts."""


class OfDay(Described):
    """What happened on a day."""

    date: Annotated[str, Field(examples=["2026-01-31"])]
    """The day."""


class DayTotal(Sums, OfDay):
    """The number and the sums of a day's transactions."""


class Summary(Described):
    """The sums of completed transactions."""

    count: int
    """The number of transactions."""
    by_type: ByType
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


class CategoryTotal(Described):
    """The transactions of a category. A reversal has the category of what it reverses, and lowers its sums."""

    count: int
    """The number of transactions."""
    income: AmountText
    """The sum of incoming amounts."""
    expense: AmountText
    """The sum of outgoing amounts."""


class Spread(Described):
    """The payments in one direction. A payment reversed in the same range is left out with its reversal.

    `total` minus `reversed` is the income, or the expense.
    """

    count: int
    """The number of payments."""
    total: AmountText
    """The sum of their amounts."""
    reversed: AmountText
    """What reversals gave back of payments that are not in the range."""
    mean: AmountText
    """The mean amount, rounded half up; zero without payments."""
    median: AmountText
    """The median amount, rounded half up; zero without payments."""
    largest: AmountText
    """The largest amount; zero without payments."""


class RangeBefore(Sums):
    """The sums of the range before, to compare with."""

    net: AmountText
    """Income minus expense."""


class FlowStatistics(Summary):
    """A summary with balances, and with the payments in each direction. All figures are of the moment `as_of`."""

    as_of: Timestamp
    """The moment of all figures."""
    opening_balance: AmountText | None
    """The balance at the start of the range, of the accounts together; null for some types only."""
    closing_balance: AmountText | None
    """The balance at the end of the range; null for some types only."""
    balance: AmountText | None
    """The balance at the moment `as_of`; null for some types only."""
    money_in: Spread
    """The incoming payments."""
    money_out: Spread
    """The outgoing payments."""
    by_category: Annotated[
        dict[str, CategoryTotal],
        Field(examples=[{"groceries": {"count": 3, "income": "0.00", "expense": "125.00"}}]),
    ]
    """Number and sums by category. The transactions without one are `uncategorised`."""
    previous: RangeBefore | None
    """The sums of the range before; null if none was named."""


class DayVolumes(OfDay):
    """The transactions of a day by type."""

    by_type: ByType
    """Number and sum by transaction type."""


class Statistics(Described):
    """The numbers and sums of the whole bank's completed transactions."""

    count: int
    """The number of transactions."""
    by_type: ByType
    """Number and sum by transaction type."""
    by_day: list[DayTotal]
    """Number and sums by day. Days without transactions are left out."""
    by_day_and_type: list[DayVolumes]
    """Number and sums by day and type. Days without transactions are left out."""
    previous: TypeTotal | None
    """Number and sum of the range before; null if none was named."""
    as_of: Timestamp
    """The moment of all figures."""


def summary_of(volumes: Volumes, currency: Currency) -> Summary:
    """Return the summary of the volumes of a user or an account."""
    text, income_minor, expense_minor = currency.to_text, volumes.income_minor, volumes.expense_minor
    return Summary(
        count=volumes.count,
        by_type=_by_type(volumes.by_type, currency),
        by_day=_by_day(volumes.by_day, currency),
        income=text(income_minor),
        expense=text(expense_minor),
        net=text(volumes.net_minor),
        average=text(_average_minor(volumes.total_minor, volumes.count)),
        largest=text(max((kind.largest_minor for kind in volumes.by_type.values()), default=0)),
    )


def flow_statistics_of(flows: Flows, currency: Currency) -> FlowStatistics:
    """Return the statistics of a user or an account."""
    text, summary, before = currency.to_text, summary_of(flows.volumes, currency), flows.previous
    income_minor, expense_minor = flows.volumes.income_minor, flows.volumes.expense_minor
    closing_minor = flows.opening_minor + income_minor - expense_minor
    return FlowStatistics(
        **dict(summary),
        as_of=flows.as_of,
        opening_balance=text(flows.opening_minor) if flows.has_balances else None,
        closing_balance=text(closing_minor) if flows.has_balances else None,
        balance=text(closing_minor + flows.later_minor) if flows.has_balances else None,
        money_in=_spread_of(flows.amounts["in"], income_minor, currency),
        money_out=_spread_of(flows.amounts["out"], expense_minor, currency),
        by_category=_by_category(flows, currency),
        previous=before and RangeBefore(**_sums_of(before, currency), net=text(before.net_minor)),
    )


def statistics_of(bank: BankVolumes, currency: Currency) -> Statistics:
    """Return the statistics of the volumes of the whole bank."""
    previous = bank.previous
    return Statistics(
        count=bank.volumes.count,
        by_type=_by_type(bank.volumes.by_type, currency),
        by_day=_by_day(bank.volumes.by_day, currency),
        by_day_and_type=[
            DayVolumes(date=day, by_type=_by_type(kinds, currency)) for day, kinds in bank.by_day_and_type.items()
        ],
        previous=previous and TypeTotal(count=previous.count, total=currency.to_text(previous.total_minor)),
        as_of=bank.as_of,
    )


def _by_category(flows: Flows, currency: Currency) -> dict[str, CategoryTotal]:
    """Return the sums by category, and those of all other transactions."""
    chosen, volumes, text = flows.by_category, flows.volumes, currency.to_text
    rest = CategoryVolume(
        volumes.count - sum(one.count for one in chosen.values()),
        volumes.income_minor - sum(one.income_minor for one in chosen.values()),
        volumes.expense_minor - sum(one.expense_minor for one in chosen.values()),
    )
    known = dict(sorted(chosen.items())) | ({UNCATEGORISED: rest} if rest.count else {})
    return {
        name: CategoryTotal(count=one.count, income=text(one.income_minor), expense=text(one.expense_minor))
        for name, one in known.items()
    }


def _spread_of(amounts: list[int], net_minor: int, currency: Currency) -> Spread:
    """Return the figures of the payments in one direction, in order, whose sum after all reversals is `net_minor`."""
    text, count, total_minor = currency.to_text, len(amounts), sum(amounts)
    return Spread(
        count=count,
        total=text(total_minor),
        reversed=text(total_minor - net_minor),
        mean=text(_average_minor(total_minor, count)),
        median=text(_median_minor(amounts)),
        largest=text(amounts[-1] if amounts else 0),
    )


def _median_minor(amounts: list[int]) -> int:
    """Return the median of amounts in order, in minor units, rounded half up; 0 if there are none."""
    middle = amounts[(len(amounts) - 1) // 2 : len(amounts) // 2 + 1] if amounts else []
    return _average_minor(sum(middle), len(middle))


def _average_minor(total_minor: int, count: int) -> int:
    """Return the mean amount in minor units, rounded half up; 0 if there are no transactions."""
    return (2 * total_minor + count) // (2 * count) if count else 0


def _by_type(volumes: dict[str, Volume], currency: Currency) -> dict[str, TypeTotal]:
    text = currency.to_text
    return {kind: TypeTotal(count=volume.count, total=text(volume.total_minor)) for kind, volume in volumes.items()}


def _by_day(volumes: dict[str, Volume], currency: Currency) -> list[DayTotal]:
    return [DayTotal(date=day, **_sums_of(volume, currency)) for day, volume in volumes.items()]


def _sums_of(volumes: Volume | Volumes, currency: Currency) -> dict[str, Any]:
    """Return the fields of `Sums`."""
    text = currency.to_text
    return {
        "count": volumes.count,
        "total": text(volumes.total_minor),
        "income": text(volumes.income_minor),
        "expense": text(volumes.expense_minor),
    }
