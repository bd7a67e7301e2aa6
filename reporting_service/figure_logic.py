"""The arithmetic of reports: the period before, groups of days, and the equations that must hold.

Amounts are decimal text. They are added as decimals, which keep the number of decimals of the currency.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from reporting_service.reporting_schemas import Group, Grouping, Preset, VolumeGroup
from reporting_service.source_schemas import (
    AccountStatistics,
    DayTotal,
    DayVolume,
    FlowStatistics,
    Period,
    UserStatistics,
    Volumes,
    ZonedPeriod,
)

MAX_DAYS_BY_DAY = 31
MAX_DAYS_BY_WEEK = 183
_D = TypeVar("_D")


def period_before(period: ZonedPeriod) -> ZonedPeriod | None:
    """Return the period of the same length that ends the day before, or None before the year 1.

    A period of whole calendar months is compared with the same number of whole months.
    """
    start, end = period.start_date, period.end_date
    try:
        last = start - timedelta(days=1)
        if start.day == 1 and end.day == monthrange(end.year, end.month)[1]:
            months = (end.year - start.year) * 12 + end.month - start.month + 1
            year, month = divmod(start.year * 12 + start.month - 1 - months, 12)
            return ZonedPeriod(start_date=date(year, month + 1, 1), end_date=last, zone=period.zone)
        return ZonedPeriod(start_date=last - (end - start), end_date=last, zone=period.zone)
    except (OverflowError, ValueError):
        return None


def preset_period(preset: Preset, today: date, zone: ZoneInfo) -> ZonedPeriod:
    """Return the days of a preset. A month, quarter or year that has not ended lasts until today."""
    unit = preset.rpartition("_")[2]
    start = {
        "month": today.replace(day=1),
        "quarter": today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1),
        "year": today.replace(month=1, day=1),
    }[unit]
    if preset.startswith("this"):
        return ZonedPeriod(start_date=start, end_date=today, zone=zone)
    end = start - timedelta(days=1)
    months = {"month": 1, "quarter": 3, "year": 12}[unit]
    return ZonedPeriod(start_date=end.replace(month=end.month - months + 1, day=1), end_date=end, zone=zone)


def choose_grouping(period: Period) -> Grouping:
    """Return the grouping that gives a readable number of groups."""
    if period.length_days <= MAX_DAYS_BY_DAY:
        return "day"
    return "week" if period.length_days <= MAX_DAYS_BY_WEEK else "month"


def group_flows(by_day: Iterable[DayTotal], period: Period, grouping: Grouping, zero: Decimal) -> list[Group]:
    """Return the sums of each group of days. `zero` has the decimals of the currency."""
    days = {day.date: day for day in by_day}
    groups = []
    for start, end, inside in _groups(days, period, grouping):
        income, expense = zero + _sum(day.income for day in inside), zero + _sum(day.expense for day in inside)
        groups.append(
            Group(
                start_date=start,
                end_date=end,
                count=sum(day.count for day in inside),
                total=_text(zero + _sum(day.total for day in inside)),
                income=_text(income),
                expense=_text(expense),
                net=_text(income - expense),
            )
        )
    return groups


def group_volumes(by_day: Iterable[DayVolume], period: Period, grouping: Grouping, zero: Decimal) -> list[VolumeGroup]:
    """Return number and sum of each group of days of the whole bank. `zero` has the decimals of the currency."""
    days = {day.date: day for day in by_day}
    return [
        VolumeGroup(
            start_date=start,
            end_date=end,
            count=sum(day.count for day in inside),
            total=_text(zero + _sum(day.total for day in inside)),
        )
        for start, end, inside in _groups(days, period, grouping)
    ]


def zero_like(amount: str) -> Decimal:
    """Return zero with the decimals of an amount."""
    return abs(Decimal(amount)) * 0


def ties_out(statistics: FlowStatistics) -> bool:
    """Return whether all figures add up: balances, days, types, categories, payments and reversals."""
    income, expense, net = map(Decimal, (statistics.income, statistics.expense, statistics.net))
    total = _sum(day.total for day in statistics.by_day)
    spreads = ((statistics.money_in, income), (statistics.money_out, expense))
    return all(
        (
            _balances_tie_out(statistics.opening_balance, net, statistics.closing_balance),
            income - expense == net,
            statistics.count == sum(day.count for day in statistics.by_day),
            statistics.count == sum(kind.count for kind in statistics.by_type.values()),
            total == _sum(kind.total for kind in statistics.by_type.values()),
            statistics.count == sum(category.count for category in statistics.by_category.values()),
            income == _sum(category.income for category in statistics.by_category.values()),
            expense == _sum(category.expense for category in statistics.by_category.values()),
            income == _sum(day.income for day in statistics.by_day),
            expense == _sum(day.expense for day in statistics.by_day),
            *(Decimal(spread.total) - Decimal(spread.reversed) == net_flow for spread, net_flow in spreads),
        )
    )


def bank_ties_out(users: UserStatistics, accounts: AccountStatistics, volumes: Volumes) -> bool:
    """Return whether the figures of the whole bank add up, each along all of its groupings."""
    kinds = [kind for day in volumes.by_day_and_type for kind in day.by_type.values()]
    total = _sum(day.total for day in volumes.by_day)
    return all(
        (
            users.total == sum(users.by_role.values()) == sum(users.by_status.values()),
            users.total == sum(sum(by_status.values()) for by_status in users.by_role_and_status.values()),
            accounts.total == sum(kind.count for kind in accounts.by_type.values()),
            accounts.total == sum(accounts.by_status.values()),
            _sum(kind.balance for kind in accounts.by_type.values()) == Decimal(accounts.total_balance),
            volumes.count == sum(day.count for day in volumes.by_day) == sum(kind.count for kind in kinds),
            volumes.count == sum(kind.count for kind in volumes.by_type.values()),
            total == _sum(kind.total for kind in volumes.by_type.values()) == _sum(kind.total for kind in kinds),
        )
    )


def _balances_tie_out(opening: str | None, net: Decimal, closing: str | None) -> bool:
    """Return whether the balances differ by the net. Transactions of some types only have no balances."""
    return opening is None or closing is None or Decimal(opening) + net == Decimal(closing)


def _sum(amounts: Iterable[str]) -> Decimal:
    return sum(map(Decimal, amounts), Decimal())


def _groups(days: Mapping[date, _D], period: Period, grouping: Grouping) -> Iterator[tuple[date, date, list[_D]]]:
    """Yield the first day, the last day and the known days of each group of a period."""
    start = period.start_date
    while start <= period.end_date:
        end = min(_end_of_group(start, grouping), period.end_date)
        inside = (start + timedelta(days=number) for number in range((end - start).days + 1))
        yield start, end, [days[day] for day in inside if day in days]
        if end == date.max:
            return
        start = end + timedelta(days=1)


def _end_of_group(day: date, grouping: Grouping) -> date:
    """Return the last day of the day's group; weeks end on Sunday."""
    if grouping == "month":
        return day.replace(day=monthrange(day.year, day.month)[1])
    ahead = 6 - day.weekday() if grouping == "week" else 0
    return day + min(timedelta(days=ahead), date.max - day)


def _text(amount: Decimal) -> str:
    return format(amount, "f")
