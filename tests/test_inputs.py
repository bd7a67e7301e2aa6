"""What comes from outside is read alike by every endpoint and page, on both databases."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests import postgres
from tests.customers import Customer, customer
from tests.suite import ADDRESSES, MODULES, Person, Suite

RANGES = {
    "account": ["/api/accounts/history/{account}"],
    "transaction": [
        "/api/transactions/list",
        "/api/transactions/account/{account}",
        "/api/transactions/all",
        "/api/transactions/summary",
    ],
}
REPORTS = ["/api/reports/account/{account}", "/api/reports/transactions", "/api/reports/system"]


@dataclass(frozen=True)
class World:
    """A bank with an admin, who has an account with a deposit, and a customer at a browser."""

    suite: Suite
    admin: Person
    ada: Customer
    account: str

    def get(self, path: str, **query: str) -> TestResponse:
        """What the gateway answers the admin."""
        return self.suite.call("gateway", "GET", self.path(path), self.admin, query_string=query)

    def path(self, path: str) -> str:
        """A path with the ids of this world in it."""
        return path.replace("{account}", self.account)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        names = [f"{name.upper()}_DATABASE_URL" for name in ADDRESSES] if request.param == "postgresql" else []
        urls = {name: stack.enter_context(postgres.database()) for name in names}
        suite = Suite(tmp_path_factory.mktemp("bank"), tuple(MODULES), **urls).start()
        stack.callback(suite.stop)
        ada = customer(suite, "ada")
        admin = suite.admin()
        body = {"account_type": "checking"}
        account = details(suite.call("account", "POST", "/api/accounts/create", admin, json=body), 201)["account"]["id"]
        deposit = {"account_id": account, "amount": "5", "description": "Lunch"}
        details(suite.call("transaction", "POST", "/api/transactions/deposit", admin, json=deposit), 201)
        yield World(suite, admin, ada, account)


def details(answer: TestResponse, status: int) -> dict[str, Any]:
    """The body of an answer of that status."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


@pytest.mark.parametrize("path", [path for paths in RANGES.values() for path in paths])
def test_a_range_may_be_all_of_time(world: World, path: str) -> None:
    for until in ("9999-12-31", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59+14:00"):
        found = details(world.get(path, **{"from": "0001-01-01", "to": until}), 200)
        rows = found.get("history") or found.get("transactions") or [found["summary"]]
        assert rows[0].get("count", 1) == 1
    for lone in ({"from": "9999-12-31"}, {"to": "0001-01-01"}, {"to": "0001-01-01T00:00:00Z"}):
        found = details(world.get(path, **lone), 200)
        rows = found.get("history") or found.get("transactions") or [found.get("summary", {"count": 0})]
        assert [row.get("count") for row in rows] == [0]


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize("text", ["20261128", "2026-W48-6", "2026-11-28 10:00:00Z", "2026-11-28T10:00:00", ""])
@pytest.mark.parametrize("path", [path for paths in RANGES.values() for path in paths])
def test_a_range_of_other_forms_is_refused_by_its_field(world: World, path: str, name: str, text: str) -> None:
    reasons = details(world.get(path, **{name: text}), 400)["details"]
    assert list(reasons) == [name]
    assert "YYYY-MM-DDTHH:MM:SS" in reasons[name]


@pytest.mark.parametrize("path", REPORTS)
def test_a_report_may_be_of_the_first_or_the_last_days(world: World, path: str) -> None:
    for query in (
        {"end_date": "9999-12-31"},
        {"start_date": "9999-12-31", "end_date": "9999-12-31"},
        {"end_date": "0001-01-01"},
        {"start_date": "0001-01-01", "end_date": "0001-01-31"},
    ):
        period = details(world.get(path, **query), 200)["report"]["report_data"]["period"]
        assert query.items() <= period.items()


@pytest.mark.parametrize("path", REPORTS)
@pytest.mark.parametrize("text", ["20261128", "2026-11-28T10:00:00Z", " 2026-11-28", "2026-02-30"])
def test_a_report_of_other_days_is_refused_by_its_field(world: World, path: str, text: str) -> None:
    for name in ("start_date", "end_date"):
        reasons = details(world.get(path, **{name: text}), 400)["details"]
        assert list(reasons) == [name]
        assert "YYYY-MM-DD" in reasons[name]


@pytest.mark.parametrize(
    ("page", "name"),
    [("/transactions", "from"), ("/transactions", "to"), ("/reports/transactions", "start_date")],
)
def test_pages_take_the_same_days(world: World, page: str, name: str) -> None:
    for text in ("0001-01-01", "9999-12-31"):
        other = {"start_date": "end_date"}.get(name)
        query = {name: text, **({other: text} if other else {})}
        assert world.ada.visitor.get(page, query_string=query).status_code == 200
    for text in ("20261128", "2026-1-5", "2026-11-28T10:00:00Z", "\u0662\u0660\u0662\u0666-11-28", "2026-02-30"):
        answer = world.ada.visitor.get(page, query_string={name: text})
        assert answer.status_code == 400
        assert "Enter a day that exists, as in 2026-01-31." in answer.text
