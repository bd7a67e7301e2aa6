"""The period before, groups of days, and the equations that the figures of a report must satisfy."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting_service.figure_logic import choose_grouping, group_flows, period_before, ties_out, zero_like
from reporting_service.reporting_schemas import Grouping
from reporting_service.source_schemas import CategoryTotal, DayTotal, FlowStatistics, Spread, TypeTotal, ZonedPeriod
from shared.core.money import Currency
from shared.core.time_zones import UTC_ZONE

groupings: st.SearchStrategy[Grouping] = st.sampled_from(["day", "week", "month"])
periods = st.tuples(st.dates(date(2019, 1, 1), date(2028, 1, 1)), st.integers(0, 800)).map(
    lambda pair: ZonedPeriod(start_date=pair[0], end_date=pair[0] + timedelta(days=pair[1]), zone=UTC_ZONE)
)


def period(start: str, end: str) -> ZonedPeriod:
    return ZonedPeriod(start_date=date.fromisoformat(start), end_date=date.fromisoformat(end), zone=UTC_ZONE)


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (("2026-03-01", "2026-03-31"), ("2026-02-01", "2026-02-28")),
        (("2024-03-01", "2024-03-31"), ("2024-02-01", "2024-02-29")),
        (("2026-01-01", "2026-01-31"), ("2025-12-01", "2025-12-31")),
        (("2026-01-01", "2026-03-31"), ("2025-10-01", "2025-12-31")),
        (("2026-01-01", "2026-12-31"), ("2025-01-01", "2025-12-31")),
        (("2026-03-01", "2026-03-30"), ("2026-01-30", "2026-02-28")),
        (("2026-03-29", "2026-03-29"), ("2026-03-28", "2026-03-28")),
    ],
)
def test_whole_months_are_compared_with_whole_months_and_days_with_days(
    now: tuple[str, str], before: tuple[str, str]
) -> None:
    assert period_before(period(*now)) == period(*before)


@pytest.mark.parametrize("end", ["0001-01-01", "0001-01-31", "9999-12-31"])
def test_nothing_is_before_the_first_day_of_the_calendar(end: str) -> None:
    assert period_before(period("0001-01-01", end)) is None


@given(periods)
def test_the_period_before_ends_the_day_before(current: ZonedPeriod) -> None:
    before = period_before(current)
    assert before
    assert before.end_date + timedelta(days=1) == current.start_date


@given(current=periods, grouping=groupings, amounts=st.dictionaries(st.integers(0, 800), st.integers(-99, 99)))
def test_groups_cover_each_day_once_and_sum_up_to_the_days(
    current: ZonedPeriod, grouping: Grouping, amounts: dict[int, int]
) -> None:
    usd = Currency.of("USD")
    days = {current.start_date + timedelta(days=number): minor for number, minor in amounts.items()}
    by_day = [
        DayTotal(date=day, count=1, total=usd.to_text(abs(minor)), income=usd.to_text(minor), expense="0.05")
        for day, minor in days.items()
        if day <= current.end_date
    ]
    groups = group_flows(by_day, current, grouping, zero_like("0.00"))
    covered = [
        group.start_date + timedelta(days=number)
        for group in groups
        for number in range((group.end_date - group.start_date).days + 1)
    ]
    assert covered == current.days
    assert sum(group.count for group in groups) == len(by_day)
    assert sum(Decimal(group.income) for group in groups) == sum(Decimal(day.income) for day in by_day)
    assert all(Decimal(group.income) - Decimal(group.expense) == Decimal(group.net) for group in groups)
    assert all(usd.to_text(usd.from_text(group.net)) == group.net for group in groups)
    assert all(group.start_date.weekday() == 0 for group in groups[1:] if grouping == "week")
    assert all(group.start_date.day == 1 for group in groups[1:] if grouping == "month")


@pytest.mark.parametrize(("days", "grouping"), [(1, "day"), (31, "day"), (32, "week"), (183, "week"), (184, "month")])
def test_a_longer_period_has_larger_groups(days: int, grouping: str) -> None:
    last = date(2026, 1, 1) + timedelta(days=days - 1)
    assert choose_grouping(period("2026-01-01", str(last))) == grouping


def test_the_last_day_of_the_calendar_ends_the_last_group() -> None:
    groups = group_flows([], period("9999-12-30", "9999-12-31"), "week", Decimal("0"))
    assert [(str(group.start_date), str(group.end_date), group.net) for group in groups] == [
        ("9999-12-30", "9999-12-31", "0")
    ]


def statistics() -> FlowStatistics:
    spread = Spread(count=1, total="10.00", reversed="0.00", mean="10.00", median="10.00", largest="10.00")
    nothing = spread.model_copy(update={"count": 0, "total": "0.00"})
    day = DayTotal(date=date(2026, 3, 1), count=1, total="10.00", income="10.00", expense="0.00")
    return FlowStatistics.model_validate(
        {
            **{"count": 1, "income": "10.00", "expense": "0.00", "net": "10.00", "average": "10.00"},
            **{
                "largest": "10.00",
                "by_day": [day],
                "by_type": {"deposit": TypeTotal(count=1, total="10.00")},
                "by_category": {"income": CategoryTotal(count=1, income="10.00", expense="0.00")},
            },
            **{"as_of": "2026-03-01T12:00:00Z", "opening_balance": "5.00", "closing_balance": "15.00"},
            **{"balance": "15.00", "money_in": spread, "money_out": nothing, "previous": None},
        }
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"opening_balance": "5.01"},
        {"closing_balance": "14.99"},
        {"income": "10.01"},
        {"net": "9.00"},
        {"count": 2},
        {"by_day": []},
        {"by_type": {}},
        {"by_category": {}},
    ],
)
def test_figures_that_differ_by_a_cent_or_an_entry_do_not_tie_out(wrong: dict[str, object]) -> None:
    assert ties_out(statistics())
    assert not ties_out(statistics().model_copy(update=wrong))
