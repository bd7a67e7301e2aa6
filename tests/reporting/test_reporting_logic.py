"""The figures of reports, with fake sources in any state and a real database."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from reporting_service import reporting_logic
from reporting_service.reporting_logic import Sources, StillSettling
from reporting_service.reporting_schemas import ReportQuery
from reporting_service.reporting_storage import ReportStorage
from shared.core.errors import InvalidRequest, NotFound, ServiceUnavailable
from shared.web.access import Caller
from shared.web.cursors import Page
from tests.reporting.books import MARCH, TODAY, USD, Books, account_data


def test_the_period_decides_what_is_opening_what_counts_and_what_is_left_out(
    storage: ReportStorage, sources: Sources, books: Books, caller: Caller
) -> None:
    books.entries = [
        (date(2026, 2, 27), 100_00),
        (date(2026, 2, 28), -30_00),
        (date(2026, 3, 1), 5_00),
        (date(2026, 3, 3), -1_25),
        (date(2026, 3, 3), 2_50),
        (date(2026, 3, 31), -6_00),
        (date(2026, 4, 1), 999_00),
    ]
    data = account_data(storage, sources, caller)
    assert data["period"] == {"start_date": "2026-03-01", "end_date": "2026-03-31"}
    assert (data["opening_balance"], data["closing_balance"]) == ("70.00", "70.25")
    assert (data["income"], data["expense"], data["net"], data["count"]) == ("7.50", "7.25", "0.25", 4)
    assert [row["amount"] for row in data["history"]] == ["-6.00", "2.50", "-1.25", "5.00"]
    assert [row["balance_after"] for row in data["history"]] == ["70.25", "76.25", "73.75", "75.00"]
    trend = {point["date"]: point["balance"] for point in data["balance_trend"]}
    assert len(data["balance_trend"]) == 31
    expected = {"2026-03-01": "75.00", "2026-03-02": "75.00", "2026-03-03": "76.25", "2026-03-30": "76.25"}
    assert {day: trend[day] for day in expected} == expected
    assert data["balance_trend"][-1] == {"date": "2026-03-31", "balance": "70.25"}


def test_an_account_without_entries_is_all_zeros(storage: ReportStorage, sources: Sources, caller: Caller) -> None:
    data = account_data(storage, sources, caller, ReportQuery())
    assert data["opening_balance"] == data["closing_balance"] == data["net"] == "0.00"
    assert data["history"] == []
    assert data["period"] == {"start_date": "2026-03-02", "end_date": "2026-03-31"}
    assert {point["balance"] for point in data["balance_trend"]} == {"0.00"}
    assert len(data["balance_trend"]) == 30


def test_only_the_newest_thousand_entries_are_shown_but_all_of_them_count(
    storage: ReportStorage, sources: Sources, books: Books, caller: Caller
) -> None:
    books.entries = [(date(2026, 3, 1) + timedelta(days=number // 100), 1 + number) for number in range(1500)]
    data = account_data(storage, sources, caller)
    assert data["count"] == 1500
    assert data["closing_balance"] == data["history"][0]["balance_after"] == USD.to_text(1500 * 1501 // 2)
    assert len(data["history"]) == 1000
    assert data["history"][-1]["amount"] == USD.to_text(501)
    assert data["balance_trend"][-1]["balance"] == data["closing_balance"]


@pytest.mark.parametrize("how_many", [3, 1500])
def test_entries_booked_while_the_report_is_made_are_left_out(
    storage: ReportStorage, sources: Sources, books: Books, caller: Caller, how_many: int
) -> None:
    books.entries = [(TODAY, 100)] * how_many

    def two_more_arrive() -> None:
        books.entries += [(TODAY, 700), (TODAY, 50)]

    books.on_summary = two_more_arrive
    data = account_data(storage, sources, caller)
    assert data["count"] == how_many
    assert data["closing_balance"] == USD.to_text(100 * how_many) == data["history"][0]["balance_after"]
    assert len(data["history"]) == min(how_many, 1000)


def test_a_report_waits_for_an_entry_that_is_not_projected_yet(
    storage: ReportStorage, sources: Sources, books: Books, caller: Caller
) -> None:
    books.entries = [(TODAY, 500), (TODAY, -100), (TODAY, 300)]
    books.unsettled = {1}

    def settle_after_the_first() -> None:
        if books.summaries == 1:
            books.unsettled = set()

    books.on_summary = settle_after_the_first
    data = account_data(storage, sources, caller)
    assert (data["count"], data["closing_balance"], books.summaries) == (3, "7.00", 2)


def test_inconsistent_figures_are_neither_returned_nor_stored(
    storage: ReportStorage, sources: Sources, books: Books, caller: Caller
) -> None:
    books.entries = [(TODAY, 500), (TODAY, -100), (TODAY, 300)]
    books.unsettled = {1}
    with pytest.raises(StillSettling) as refusal:
        account_data(storage, sources, caller)
    assert (refusal.value.status, refusal.value.code) == (503, "SERVICE_UNAVAILABLE")
    assert refusal.value.retry_after_seconds
    assert reporting_logic.list_reports(storage, Page(), caller.user_id)[0] == []


def test_a_ledger_with_fewer_entries_than_the_sums_count_is_read_again(
    storage: ReportStorage, sources: Sources, books: Books, caller: Caller
) -> None:
    books.entries = [(TODAY, 500), (TODAY, 100), (TODAY, -100)]

    def lose_two() -> None:
        books.entries = [(TODAY, 500)]

    books.on_summary = lose_two
    data = account_data(storage, sources, caller)
    assert (data["count"], data["closing_balance"], books.summaries) == (1, "5.00", 2)


@pytest.mark.parametrize("source", ["history", "transactions"])
def test_nothing_is_stored_when_a_source_of_an_account_report_is_unavailable(
    storage: ReportStorage, sources: Sources, books: Books, caller: Caller, source: str
) -> None:
    books.away = {source}
    with pytest.raises(ServiceUnavailable):
        account_data(storage, sources, caller)
    assert reporting_logic.list_reports(storage, Page(), caller.user_id)[0] == []


@pytest.mark.parametrize("source", ["auth", "accounts"])
def test_nothing_is_stored_when_a_source_of_a_system_report_is_unavailable(
    storage: ReportStorage, sources: Sources, books: Books, caller: Caller, source: str
) -> None:
    books.away = {source}
    with pytest.raises(ServiceUnavailable):
        reporting_logic.report_system(storage, sources, caller, MARCH)
    assert reporting_logic.list_reports(storage, Page(), caller.user_id)[0] == []


def test_an_account_that_the_caller_may_not_see_has_no_report(
    storage: ReportStorage, sources: Sources, caller: Caller
) -> None:
    with pytest.raises(NotFound):
        reporting_logic.report_account(storage, sources, caller, uuid4(), MARCH)


@pytest.mark.parametrize(
    ("start", "end", "first_day"),
    [
        (None, None, "2026-03-02"),
        (None, "2026-02-28", "2026-01-30"),
        ("2026-03-31", None, "2026-03-31"),
        ("2016-03-31", None, "2016-03-31"),
    ],
)
def test_the_default_period_is_the_thirty_days_up_to_the_last_one(
    storage: ReportStorage, sources: Sources, caller: Caller, start: str | None, end: str | None, first_day: str
) -> None:
    query = ReportQuery.model_validate({"start_date": start, "end_date": end})
    report = reporting_logic.report_transactions(storage, sources, caller, query)
    last_day = end or "2026-03-31"
    assert report.parameters == {"start_date": first_day, "end_date": last_day}
    assert report.report_data["period"] == report.parameters
    assert report.title == f"Transaction report, {first_day} to {last_day}"


@pytest.mark.parametrize(
    ("start", "end"), [("2026-03-02", "2026-03-01"), ("2026-04-01", None), ("1999-01-01", "2026-01-01")]
)
def test_a_period_that_ends_before_it_starts_or_is_too_long_is_refused(
    storage: ReportStorage, sources: Sources, caller: Caller, start: str | None, end: str | None
) -> None:
    query = ReportQuery.model_validate({"start_date": start, "end_date": end})
    with pytest.raises(InvalidRequest) as refusal:
        reporting_logic.report_transactions(storage, sources, caller, query)
    assert set(refusal.value.details) == {"start_date"}


def test_a_report_whose_figures_do_not_add_up_is_neither_returned_nor_stored(
    storage: ReportStorage, sources: Sources, books: Books, caller: Caller
) -> None:
    books.entries, books.uncounted = [(TODAY, 500)], 1
    for make in (reporting_logic.report_transactions, reporting_logic.report_system):
        with pytest.raises(StillSettling):
            make(storage, sources, caller, MARCH)
    assert reporting_logic.list_reports(storage, Page(), caller.user_id)[0] == []
