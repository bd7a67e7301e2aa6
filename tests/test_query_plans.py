"""No list and no sum walks through a table that grows: what SQLite says of the queries that requests make."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import Connection, event

from account_service.account_models import db as account_db
from account_service.ledger_storage import LedgerStorage
from reporting_service.reporting_models import db as reporting_db
from shared.db import driver
from shared.db.sqlite import sqlite3
from tests.support.suite import Person, Suite
from transaction_service.transaction_models import db as transaction_db

GROWING = {"transaction", "transaction_leg", "daily_volume", "bank_volume", "posting", "entry_key", "report"}
IN_ORDER = {  # a walk that ends with the page, and the sorting of what is of the same instant
    "SCAN transaction USING INDEX transaction_by_age",
    "SCAN report USING INDEX report_by_age",
    "SCAN posting",  # the newest posting, by its number
    "USE TEMP B-TREE FOR LAST TERM OF ORDER BY",
}
PARTS = {"LEFT", "RIGHT", "LEFT-MOST SUBQUERY", "UNION ALL"}  # of a query that reads a view or several tables
PERIOD = "from=2026-01-01&to=2100-01-01"
LISTS = {
    "/api/transactions/list": "leg_by_user (user_id=?)",
    "/api/transactions/list?cursor={list}": "leg_by_user (user_id=? AND timestamp<?)",
    f"/api/transactions/list?{PERIOD}": "leg_by_user (user_id=? AND timestamp>? AND timestamp<?)",
    f"/api/transactions/list?cursor={{list}}&type=deposit&min=1&{PERIOD}": (
        "leg_by_user (user_id=? AND timestamp>? AND timestamp<?)"
    ),
    "/api/transactions/list?status=pending": "leg_not_completed (user_id=? AND status=?)",
    "/api/transactions/list?status=failed": "leg_not_completed (user_id=? AND status=?)",
    "/api/transactions/list?type=reversal": "leg_of_reversal (user_id=? AND transaction_type=?)",
    "/api/transactions/list?account_id={account}": "leg_by_account (account_id=?)",
    "/api/transactions/recent": "leg_by_user (user_id=?)",
    f"/api/transactions/account/{{account}}?{PERIOD}": "leg_by_account (account_id=? AND timestamp>? AND timestamp<?)",
    f"/api/transactions/account/{{account}}?cursor={{list}}&{PERIOD}": (
        "leg_by_account (account_id=? AND timestamp>? AND timestamp<?)"
    ),
    "/api/transactions/all": "transaction_by_age",
    "/api/transactions/all?cursor={all}": "transaction_by_age ((timestamp,id)<(?,?))",
    f"/api/transactions/all?cursor={{all}}&status=completed&{PERIOD}": (
        "transaction_by_age (timestamp>? AND (timestamp,id)<(?,?))"
    ),
    "/api/transactions/all?status=pending": "transaction_not_completed (status=?)",
    "/api/transactions/all?status=failed": "transaction_not_completed (status=?)",
    "/api/transactions/all?type=reversal": "reversal_by_age (transaction_type=?)",
    "/api/transactions/all?party={name}": "leg_by_user (user_id=?)",
    "/api/transactions/all?party={name}&cursor={all}": "leg_by_user (user_id=? AND timestamp<?)",
    "/api/transactions/counts?status=failed": "transaction_not_completed (status=?)",
    "/api/transactions/all?account_id={account}": "leg_by_account (account_id=?)",
    "/api/accounts/history/{account}": "entry_key USING PRIMARY KEY (account_id=?)",
    f"/api/accounts/history/{{account}}?cursor={{history}}&{PERIOD}": (
        "entry_key USING PRIMARY KEY (account_id=? AND decided_at>? AND (decided_at,sequence)<(?,?))"
    ),
    "/api/accounts/entries/{account}": "entry_key USING PRIMARY KEY (account_id=?)",
    f"/api/accounts/entries/{{account}}?cursor={{history}}&{PERIOD}": (
        "entry_key USING PRIMARY KEY (account_id=? AND (decided_at,sequence)>(?,?) AND decided_at<?)"
    ),
    "/api/reports/list": "report_by_user (user_id=?)",
    "/api/reports/all": "report_by_age",
}
READS = (
    "/api/transactions/details/{transaction}",
    "/api/transactions/summary",
    f"/api/transactions/summary?account_id={{account}}&{PERIOD}",
    "/api/transactions/summary?from=2026-01-01T12:00:00Z&to=2100-01-01T12:00:00Z",
    "/api/accounts/details/{account}",
    "/api/reports/account/{account}",
    "/api/reports/transactions",
    "/api/reports/system",
)


class Planner:
    """A customer's account with a few transactions, asked for as an admin may."""

    def __init__(self, bank: Suite) -> None:
        self.suite, self.admin = bank, bank.admin()
        self.somebody = somebody = bank.person()
        opened = self.ask("POST", "/api/accounts/create", somebody, {"account_type": "checking"})["account"]
        for _ in range(3):
            body = {"account_id": opened["id"], "amount": "10.00"}
            self.ask("POST", "/api/transactions/deposit", somebody, body)
        page = self.ask("GET", "/api/transactions/list?limit=1", somebody)
        everything = self.ask("GET", "/api/transactions/all?limit=1")
        history = self.ask("GET", f"/api/accounts/history/{opened['id']}?limit=1", somebody)
        self.names = {
            "name": somebody.username,
            "account": opened["id"],
            "transaction": page["transactions"][0]["id"],
            "list": page["pagination"]["next_cursor"],
            "all": everything["pagination"]["next_cursor"],
            "history": history["pagination"]["next_cursor"],
        }

    def ask(self, method: str, path: str, person: Person | None = None, body: Any = None) -> Any:
        names = {"transactions": "transaction", "accounts": "account", "reports": "reporting"}
        name = names[path.split("/")[2]]
        answer = self.suite.call(name, method, path, person or self.admin, **({"json": body} if body else {}))
        assert answer.status_code in (200, 201), answer.text
        return answer.json

    def plan(self, path: str) -> list[str]:
        """What SQLite says of all queries that a request makes."""
        with plans() as found:
            self.ask("GET", path.format(**self.names))
        return found

    def plan_of_posting(self) -> list[str]:
        """The same of a withdrawal, through both services."""
        with plans() as found:
            body = {"account_id": self.names["account"], "amount": "1.00"}
            self.ask("POST", "/api/transactions/withdraw", self.somebody, body)
        return found


@contextmanager
def plans() -> Iterator[list[str]]:
    """The steps of the plans of all queries that are made meanwhile."""
    queries: list[tuple[str, str, Any]] = []
    engines = [engine for db in (account_db, transaction_db, reporting_db) for engine in (db.reader, db.writer)]

    def note(connection: Any, _cursor: Any, query: str, parameters: Any, _context: Any, many: bool) -> None:
        queries.append((connection.engine.url.database, query, parameters[0] if many else parameters))

    def run(connection: Connection, query: str, parameters: Any = ()) -> Any:
        queries.append((str(connection.engine.url.database), query, parameters))
        return hand_over(connection, query, parameters)

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    hand_over = driver.run
    steps: list[str] = []
    try:
        with patch.object(driver, "run", run):
            yield steps
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
    for path, query, parameters in queries:
        if re.match("SELECT|INSERT|UPDATE", query):
            with sqlite3.connect(path) as connection:
                steps += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", parameters)]
            connection.close()


def walks(steps: list[str]) -> list[str]:
    """The steps that cost more the more a table holds."""
    found, part = [], ""
    for step in steps:
        part = step.split()[1] if step.startswith(("SCAN", "SEARCH")) and part != "new_leg" else part
        part = "" if step in PARTS else part
        sorts = "ORDER BY" in step and part != "new_leg"  # of new legs there are few
        scans = step.startswith("SCAN") and step.split()[1] in GROWING
        if step not in IN_ORDER and (scans or sorts or "AUTOMATIC" in step):
            found.append(step)
    return found


@pytest.fixture(scope="module")
def planner(bank: Suite) -> Planner:
    return Planner(bank)


@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_read_along_an_index_from_where_its_page_begins(planner: Planner, path: str) -> None:
    steps = planner.plan(path)
    assert walks(steps) == []
    assert any(step.endswith(f" {LISTS[path]}") for step in steps), steps


@pytest.mark.parametrize("path", READS)
def test_a_read_finds_what_it_needs_by_index(planner: Planner, path: str) -> None:
    assert walks(planner.plan(path)) == []


def test_a_posting_finds_what_it_needs_by_index(planner: Planner) -> None:
    steps = planner.plan_of_posting()
    assert any("account" in step for step in steps)
    assert [step for step in walks(steps) if step != "USE TEMP B-TREE FOR ORDER BY"] == []  # of a batch's accounts


def test_a_posting_is_found_by_its_key_and_by_its_number_along_an_index(planner: Planner) -> None:
    with plans() as steps:
        body = {"account_id": planner.names["account"], "amount": "1.00"}
        headers = {"Idempotency-Key": "planned"}
        planner.suite.call(
            "transaction", "POST", "/api/transactions/deposit", planner.somebody, json=body, headers=headers
        )
    assert any(
        re.match(r"SEARCH posting USING INDEX \w+ \(user_id=\? AND idempotency_key=\?\)", step) for step in steps
    )
    with planner.suite.apps["account"].app_context(), plans() as steps:
        LedgerStorage(account_db).list_postings(1, 1)
    of_postings = [step for step in steps if "posting" in step]  # background tasks may query other tables meanwhile
    assert of_postings == ["SEARCH posting USING INTEGER PRIMARY KEY (rowid>?)"]
