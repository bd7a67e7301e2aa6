"""The figures of statements against an independent calculation, with a made-up ledger in any state."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reporting_service.documents.document_schemas import Bank
from reporting_service.reporting_clients import AuthClient, TransactionClient
from reporting_service.reporting_logic import Sources
from reporting_service.source_schemas import LedgerRow
from reporting_service.statements.statement_clients import EntryClient
from reporting_service.statements.statement_logic import DoesNotTieOut, StatementTools, make_statement, to_period
from reporting_service.statements.statement_schemas import (
    StatementAccount,
    StatementEntry,
    StatementPeriod,
    StatementQuery,
)
from reporting_service.statements.statement_storage import KeptStatementStorage
from shared.concurrency.context_pool import ContextPool
from shared.core.money import Currency
from shared.core.time_zones import day_of, read_zone
from shared.db.outbox import Outbox
from shared.web.access import Caller

USD = Currency.of("USD")
ADA = Caller(UUID(int=7), "ada", "customer", UUID(int=8), "token")
ZONES = ("UTC", "Europe/Athens", "America/Sao_Paulo", "Pacific/Kiritimati", "America/St_Johns")
FIRST, LAST = datetime(2018, 9, 30, tzinfo=UTC), datetime(2018, 12, 2, tzinfo=UTC)  # clocks change in all but two zones
MONTHS = ("2018-09", "2018-10", "2018-11", "2018-12")


@dataclass
class Row:
    """An entry of the made-up ledger."""

    at: datetime
    amount_minor: int
    kind: str
    balance_minor: int = 0
    id: str = field(default_factory=lambda: str(uuid4()))


class Books(EntryClient):
    """A ledger with these entries; `late` are booked after the newest one has been read."""

    def __init__(self, rows: list[Row], late: list[Row] | None = None) -> None:
        self.rows, self.late = rows, late or []
        balance_minor = 0
        for row in sorted(rows, key=lambda row: row.at) + self.late:
            balance_minor += row.amount_minor
            row.balance_minor = balance_minor

    def statement_account(self, token: str, account_id: UUID, viewer_id: UUID) -> tuple[StatementAccount, UUID]:
        return StatementAccount(account_id, "1234567897", "checking", None, USD, is_own=True), viewer_id

    def last_before(self, token: str, account_id: UUID, instant: datetime) -> LedgerRow | None:
        before = [row for row in sorted(self.rows, key=lambda row: row.at) if row.at < instant]
        if not before:
            return None
        last = before[-1]
        amount, balance = USD.to_text(last.amount_minor), USD.to_text(last.balance_minor)
        return LedgerRow(amount=amount, balance_after=balance, transaction_id=UUID(last.id), timestamp=last.at)

    def statement_entries(
        self, token: str, account: StatementAccount, period: StatementPeriod
    ) -> Iterator[StatementEntry]:
        for row in sorted(self.rows, key=lambda row: row.at) + self.late:
            if period.start <= row.at < period.end:
                day = day_of(row.at, period.zone)
                yield StatementEntry(
                    row.id, day, row.at, row.kind, None, "••••7897", "A••", row.amount_minor, row.balance_minor
                )


class Names(AuthClient):
    def __init__(self) -> None:
        pass

    def name(self, user_id: UUID) -> str:
        return "Ada Lovelace"


class Pending(TransactionClient):
    def __init__(self, is_pending: bool) -> None:
        self._is_pending = is_pending

    def has_pending(self, token: str, account_id: UUID, first: datetime, last: datetime) -> bool:
        return self._is_pending


def statement(books: Books, query: dict[str, str], *, is_pending: bool = False) -> dict[str, Any]:
    """Return a JSON statement of a range, which is not kept."""
    kept, outbox = cast(KeptStatementStorage, None), cast(Outbox, None)
    sources = Sources(Names(), books, Pending(is_pending), cast(ContextPool, None))
    tools = StatementTools(kept, sources, books, Bank("Bank", (), "Call us."), outbox)
    document = make_statement(tools, ADA, UUID(int=9), StatementQuery.model_validate(query))
    with document.file as file:
        found: dict[str, Any] = json.loads(file.read())["statement"]
    return found


def range_of(month: str) -> dict[str, str]:
    """Return the first and the last day of a month, since whole months are kept."""
    first = date.fromisoformat(f"{month}-01")
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return {"from": str(first), "to": str(last)}


ROWS = st.builds(
    Row,
    st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None)).map(lambda at: at.replace(tzinfo=UTC)),
    st.integers(-(10**9), 10**9).filter(bool),
    st.sampled_from(["deposit", "withdrawal", "transfer", "reversal"]),
)


@settings(max_examples=60)
@given(st.lists(ROWS, max_size=30, unique_by=lambda row: row.at), st.sampled_from(ZONES))
def test_months_in_a_row_have_each_entry_once_and_tie_out(rows: list[Row], zone: str) -> None:
    months = [statement(Books(rows), {**range_of(month), "tz": zone}) for month in MONTHS]
    entries = [entry for month in months for entry in month["entries"]]
    ordered = sorted(rows, key=lambda row: row.at)
    assert [entry["id"] for entry in entries] == [row.id for row in ordered]
    balance = Decimal(0)
    for month in months:
        assert Decimal(month["opening_balance"]) == balance
        for entry in month["entries"]:
            balance += Decimal(entry["amount"])
            assert Decimal(entry["balance"]) == balance
            assert month["period"]["start_date"] <= entry["date"] <= month["period"]["end_date"]
        assert Decimal(month["closing_balance"]) == balance
        assert Decimal(month["income"]) - Decimal(month["expense"]) == Decimal(month["net"])
    assert balance == Decimal(sum(row.amount_minor for row in rows)) / 100


@settings(max_examples=60)
@given(st.lists(ROWS, max_size=30, unique_by=lambda row: row.at))
def test_a_reversal_nets_against_what_it_reverses_in_any_ledger(rows: list[Row]) -> None:
    whole = statement(Books(rows), {"from": "2018-09-01", "to": "2018-12-31"})
    income = sum(row.amount_minor for row in rows if (row.kind == "reversal") != (row.amount_minor > 0))
    assert Decimal(whole["income"]) == Decimal(income) / 100
    assert Decimal(whole["expense"]) == Decimal(income - sum(row.amount_minor for row in rows)) / 100


def test_a_ledger_that_does_not_add_up_is_not_shown() -> None:
    rows = [Row(FIRST + timedelta(days=10 + day), 100, "deposit") for day in range(3)]
    books = Books(rows)
    rows[1].balance_minor += 1
    with pytest.raises(DoesNotTieOut):
        statement(books, range_of("2018-10"))
    rows[1].balance_minor -= 1
    rows[2].balance_minor += 1
    with pytest.raises(DoesNotTieOut):
        statement(books, range_of("2018-10"))


def test_what_is_booked_while_a_statement_is_read_is_left_out() -> None:
    rows = [Row(FIRST + timedelta(days=10 + day), 100, "deposit") for day in range(3)]
    books = Books(rows, late=[Row(FIRST + timedelta(days=14), 100, "deposit")])
    found = statement(books, range_of("2018-10"))
    assert (len(found["entries"]), found["closing_balance"]) == (3, "3.00")


def test_a_period_with_a_pending_transaction_is_not_final() -> None:
    rows = [Row(FIRST + timedelta(days=10), 100, "deposit")]
    assert statement(Books(rows), range_of("2018-10"))["is_final"] is True
    found = statement(Books(rows), range_of("2018-10"), is_pending=True)
    assert (found["is_final"], found["as_of"]) == (False, "2018-10-10T00:00:00.000000Z")


def test_the_month_is_future_or_present_by_the_time_zone() -> None:
    at = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)
    query = StatementQuery.model_validate({"month": "2026-11", "tz": "Europe/Athens"})
    period = to_period(query, at)
    assert (period.start, period.zone) == (datetime(2026, 10, 31, 22, tzinfo=UTC), read_zone("Europe/Athens"))
