"""The figures of reports and when they are stored, with fake sources in any state and a real database."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
import requests
from flask import Flask

from reporting_service import reporting_logic
from reporting_service.reporting_clients import AccountClient, AuthClient, TransactionClient
from reporting_service.reporting_logic import Sources, StillSettling
from reporting_service.reporting_models import Report, db
from reporting_service.reporting_schemas import ReportQuery
from reporting_service.reporting_service import ReportingSettings, create_app
from reporting_service.reporting_storage import ReportStorage
from reporting_service.source_schemas import (
    AccountFacts,
    AccountStatistics,
    CategoryTotal,
    DayTotal,
    FlowStatistics,
    LedgerRow,
    Period,
    Spread,
    TransactionFacts,
    TypeHolding,
    TypeTotal,
    UserStatistics,
    Volumes,
)
from shared.concurrency.context_pool import ContextPool
from shared.core.errors import InvalidRequest, NotFound, ServiceUnavailable
from shared.core.money import Currency
from shared.web.access import Caller
from shared.web.application import lifecycle_of
from shared.web.cursors import Page
from tests.support.postgres import database

USD = Currency.of("USD")
TODAY = date(2026, 3, 31)
NOON = datetime(2026, 3, 31, 12, tzinfo=UTC)
MARCH_DAYS = Period(start_date=date(2026, 3, 1), end_date=TODAY)
MARCH = ReportQuery.model_validate({"start_date": "2026-03-01", "end_date": "2026-03-31"})


@dataclass
class Books:
    """An account: entries of (day, signed minor units), and the numbers of those that are not projected.

    `on_summary` runs when the sums have been read, before the history is.
    """

    entries: list[tuple[date, int]] = field(default_factory=list)
    unsettled: set[int] = field(default_factory=set)
    account_id: UUID = field(default_factory=uuid4)
    ids: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(3000)])
    summaries: int = 0
    uncounted: int = 0
    away: set[str] = field(default_factory=set)
    on_summary: Callable[[], object] = field(default=lambda: None)

    def rows(self) -> list[LedgerRow]:
        """Return all entries, newest first."""
        balance_minor, rows = 0, []
        for number, (day, amount_minor) in enumerate(self.entries):
            balance_minor += amount_minor
            row = {
                "amount": USD.to_text(amount_minor),
                "balance_after": USD.to_text(balance_minor),
                "transaction_id": self.ids[number],
                "timestamp": datetime(day.year, day.month, day.day, tzinfo=UTC),
            }
            rows.append(LedgerRow.model_validate(row))
        return rows[::-1]


class Accounts(AccountClient):
    def __init__(self, books: Books) -> None:
        self.books = books

    def account(self, token: str, account_id: UUID) -> AccountFacts:
        if account_id != self.books.account_id:
            raise NotFound
        return AccountFacts(
            id=account_id,
            user_id=UUID(int=7),
            account_number="1234567897",
            account_type="checking",
            nickname=None,
            balance="0.00",
            currency="USD",
            status="active",
            created_at=NOON,
        )

    def last_before(self, token: str, account_id: UUID, instant: datetime) -> LedgerRow | None:
        return next((row for row in self.books.rows() if row.timestamp < instant), None)

    def entries(self, token: str, account_id: UUID, period: Period, *, at_most: int) -> list[LedgerRow]:
        if "history" in self.books.away:
            raise ServiceUnavailable
        inside = [row for row in self.books.rows() if period.start_date <= row.timestamp.date() <= period.end_date]
        return inside[:at_most]

    def statistics(self, period: Period, previous: Period | None) -> AccountStatistics:
        if "accounts" in self.books.away:
            raise ServiceUnavailable
        held = TypeHolding(count=1, balance="0.00")
        return AccountStatistics(
            total=1 + self.books.uncounted,
            by_type={"checking": held},
            by_status={"active": 1},
            by_type_and_status={"checking": {"active": held}},
            total_balance="0.00",
            created=1,
            created_before=0,
        )


class Transactions(TransactionClient):
    def __init__(self, books: Books) -> None:
        self.books = books

    def statistics(self, token: str, period: Period, previous: Period | None, **selection: str) -> FlowStatistics:
        if "transactions" in self.books.away:
            raise ServiceUnavailable
        self.books.summaries += 1
        settled = [
            (day, amount)
            for number, (day, amount) in enumerate(self.books.entries)
            if number not in self.books.unsettled and day <= period.end_date
        ]
        self.books.on_summary()
        inside = [(day, amount) for day, amount in settled if day >= period.start_date]
        by_day = [
            _totals(day, [amount for its_day, amount in inside if its_day == day])
            for day in sorted({day for day, _ in inside})
        ]
        amounts = [amount for _, amount in inside]
        everything = _totals(period.start_date, amounts)
        closing_minor = sum(amount for _, amount in settled) + self.books.uncounted
        return FlowStatistics(
            count=len(amounts),
            by_type={"deposit": TypeTotal(count=len(amounts), total=everything.total)},
            income=everything.income,
            expense=everything.expense,
            net=USD.to_text(sum(amounts)),
            average="0.00",
            largest="0.00",
            by_day=by_day,
            as_of=NOON,
            opening_balance=USD.to_text(sum(amount for day, amount in settled if day < period.start_date)),
            closing_balance=USD.to_text(closing_minor),
            balance=USD.to_text(closing_minor),
            money_in=_spread(everything.income),
            money_out=_spread(everything.expense),
            by_category={
                "other": CategoryTotal(count=len(amounts), income=everything.income, expense=everything.expense)
            },
            previous=None,
        )

    def list_of_account(
        self, token: str, account_id: UUID, period: Period, *, at_most: int
    ) -> dict[UUID, TransactionFacts]:
        return {
            self.books.ids[number]: TransactionFacts(
                id=self.books.ids[number],
                transaction_type="transfer",
                description=f"number {number}",
                from_account_number="••••0001",
                to_account_number="••••0002",
            )
            for number in range(len(self.books.entries))
            if number not in self.books.unsettled
        }

    def volumes(self, period: Period, previous: Period | None) -> Volumes:
        return Volumes(count=0, by_type={}, by_day=[], by_day_and_type=[], previous=None, as_of=NOON)


class People(AuthClient):
    def __init__(self, books: Books) -> None:
        self.books = books

    def statistics(self, period: Period, previous: Period | None) -> UserStatistics:
        if "auth" in self.books.away:
            raise ServiceUnavailable
        return UserStatistics(
            total=1,
            by_role={"customer": 1},
            by_status={"active": 1},
            by_role_and_status={"customer": {"active": 1}},
            created=0,
            created_before=None,
        )


def _spread(total: str) -> Spread:
    return Spread(count=0, total=total, reversed="0.00", mean="0.00", median="0.00", largest="0.00")


def _totals(day: date, amounts: list[int]) -> DayTotal:
    income, expense = sum(a for a in amounts if a > 0), -sum(a for a in amounts if a < 0)
    return DayTotal(
        date=day,
        count=len(amounts),
        total=USD.to_text(income + expense),
        income=USD.to_text(income),
        expense=USD.to_text(expense),
    )


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Return the reporting service on each kind of database."""
    variables = {"BANK_DATA_DIR": str(tmp_path_factory.mktemp("reporting")), "REPORTING_SERVICE_SECRET": "s" * 32}
    with ExitStack() as stack:
        if request.param == "postgresql":
            variables["REPORTING_DATABASE_URL"] = stack.enter_context(database())
        app = create_app(ReportingSettings.load(**variables), requests.Session())
        stack.callback(lifecycle_of(app).stop)
        yield app


@pytest.fixture
def storage(app: Flask) -> Iterator[ReportStorage]:
    with app.app_context():
        yield ReportStorage(db)


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Books:
    monkeypatch.setattr(reporting_logic, "now", lambda: NOON)
    monkeypatch.setattr(reporting_logic, "READING_PAUSES_SECONDS", (0, 0, 0))
    return Books()


@pytest.fixture
def sources(books: Books) -> Iterator[Sources]:
    context_pool = ContextPool("test", workers=4)
    yield Sources(People(books), Accounts(books), Transactions(books), context_pool)
    context_pool.close()


@pytest.fixture
def caller() -> Caller:
    return Caller(uuid4(), "ada", "customer", uuid4(), "a token")


def account_data(
    storage: ReportStorage, sources: Sources, caller: Caller, query: ReportQuery = MARCH
) -> dict[str, Any]:
    account_id = cast(Accounts, sources.accounts).books.account_id
    return reporting_logic.report_account(storage, sources, caller, account_id, query).report_data


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


def test_the_same_report_within_a_minute_is_stored_once(
    storage: ReportStorage, sources: Sources, books: Books, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_at(seconds: float, query: ReportQuery = MARCH, by: Caller = caller) -> Report:
        monkeypatch.setattr(reporting_logic, "now", lambda: NOON + timedelta(seconds=seconds))
        return reporting_logic.report_transactions(storage, sources, by, query)

    first = make_at(0)
    assert make_at(59).id == first.id
    assert (
        make_at(59, ReportQuery.model_validate({"start_date": "2026-03-02", "end_date": "2026-03-31"})).id != first.id
    )
    assert make_at(59, by=Caller(uuid4(), "bob", "customer", uuid4(), "t")).id != first.id
    second = make_at(60)
    assert (second.id == first.id, second.edition) == (False, 2)
    books.entries = [(TODAY, 1)]
    assert make_at(60).id not in (first.id, second.id)


@pytest.mark.parametrize("attempt", range(5))
def test_concurrent_requests_store_one_report(app: Flask, sources: Sources, caller: Caller, attempt: int) -> None:
    barrier = threading.Barrier(8)
    ids: list[UUID] = []

    def make() -> None:
        with app.app_context():
            barrier.wait()
            ids.append(reporting_logic.report_transactions(ReportStorage(db), sources, caller, MARCH).id)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 8, attempt
    assert len(set(ids)) == 1


def test_only_its_user_and_admins_may_read_a_stored_report(
    storage: ReportStorage, sources: Sources, caller: Caller
) -> None:
    report = reporting_logic.report_transactions(storage, sources, caller, MARCH)

    def as_seen_by(role: str, user_id: UUID) -> UUID:
        return reporting_logic.details(storage, Caller(user_id, "x", role, uuid4(), "t"), report.id).id

    assert as_seen_by("customer", caller.user_id) == as_seen_by("admin", uuid4()) == report.id
    for role in ("customer", "employee"):
        with pytest.raises(NotFound):
            as_seen_by(role, uuid4())


def test_a_page_of_long_reports_ends_early_and_the_next_continues(
    storage: ReportStorage, sources: Sources, caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for day in range(1, 6):
        monkeypatch.setattr(reporting_logic, "now", lambda day=day: NOON + timedelta(seconds=day))
        query = ReportQuery.model_validate({"start_date": f"2026-03-{day:02}"})
        made.append(reporting_logic.report_transactions(storage, sources, caller, query))
    monkeypatch.setattr(reporting_logic, "MAX_PAGE_BYTES", made[0].size_bytes * 2)
    seen, cursor = [], None
    for length in (2, 2, 1):
        page = Page(limit=3, cursor=cursor)
        reports, pagination = reporting_logic.list_reports(storage, page, caller.user_id)
        assert len(reports) == length
        seen += [report.id for report in reports]
        cursor = pagination.next_cursor
    assert seen == [report.id for report in made[::-1]]
    assert cursor is None
    monkeypatch.setattr(reporting_logic, "MAX_PAGE_BYTES", 1)
    reports, pagination = reporting_logic.list_reports(storage, Page(), caller.user_id)
    assert (len(reports), pagination.next_cursor is None) == (1, False)


def test_a_report_whose_figures_do_not_add_up_is_neither_returned_nor_stored(
    storage: ReportStorage, sources: Sources, books: Books, caller: Caller
) -> None:
    books.entries, books.uncounted = [(TODAY, 500)], 1
    for make in (reporting_logic.report_transactions, reporting_logic.report_system):
        with pytest.raises(StillSettling):
            make(storage, sources, caller, MARCH)
    assert reporting_logic.list_reports(storage, Page(), caller.user_id)[0] == []
