"""Sources of reports in any state, made from the entries of one account."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, cast
from uuid import UUID, uuid4

from reporting_service import reporting_logic
from reporting_service.reporting_clients import AccountClient, AuthClient, TransactionClient
from reporting_service.reporting_logic import Sources
from reporting_service.reporting_schemas import ReportQuery
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
from shared.core.errors import NotFound, ServiceUnavailable
from shared.core.money import Currency
from shared.web.access import Caller

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


def account_data(
    storage: ReportStorage, sources: Sources, caller: Caller, query: ReportQuery = MARCH
) -> dict[str, Any]:
    account_id = cast(Accounts, sources.accounts).books.account_id
    return reporting_logic.report_account(storage, sources, caller, account_id, query).report_data
