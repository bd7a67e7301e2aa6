"""A bank whose clock can be set, with accounts to make statements of."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared.core import clock
from tests.reporting.set_clock import SetClock
from tests.support.suite import Person, Suite


@dataclass
class Branch:
    """A bank whose clock can be set; tokens are made anew whenever it is."""

    suite: Suite
    clock: SetClock
    people: dict[str, Person] = field(default_factory=dict)

    def at(self, text: str) -> "Branch":
        """Set the clock to an instant, and log everybody in again, since tokens last an hour."""
        self.clock.set(datetime.fromisoformat(text).astimezone(UTC))
        self.people.clear()
        return self

    def person(self, name: str) -> Person:
        if name not in self.people:
            self.people[name] = self.suite.admin() if name == "admin" else self._customer(name)
        return self.people[name]

    def open(self, name: str = "ada", account_type: str = "checking", **fields: str) -> dict[str, Any]:
        return self.person(name).open(account_type=account_type, **fields)

    def pay(self, kind: str, name: str = "ada", **body: str) -> dict[str, Any]:
        transaction: dict[str, Any] = self.person(name).pay(kind, 201, **body)["transaction"]
        return transaction

    def get(self, account_id: str, name: str = "ada", service: str = "reporting", **query: str) -> TestResponse:
        headers = {"If-None-Match": query.pop("etag")} if "etag" in query else {}
        path = f"/api/reports/statement/{account_id}"
        return self.suite.call(service, "GET", path, self.person(name), query_string=query, headers=headers)

    def statement(self, account_id: str, name: str = "ada", **query: str) -> dict[str, Any]:
        answer = self.get(account_id, name, **query)
        assert answer.status_code == 200, answer.text
        statement: dict[str, Any] = (answer.json or {})["statement"]
        return statement

    def _customer(self, name: str) -> Person:
        body = {"username": name, "email": f"{name}@example.com", "password": "correct horse battery staple"}
        self.suite.call("auth", "POST", "/api/auth/register", json=body)
        return self.suite.log_in(name, body["password"])


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def branch(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Branch]:
    """A bank in October 2026, on both kinds of database."""
    patch, settable = pytest.MonkeyPatch(), SetClock()
    patch.setattr(clock, "datetime", settable)
    settable.set(datetime(2026, 9, 15, 12, tzinfo=UTC))
    suite = Suite(tmp_path_factory.mktemp("bank"), database=request.param).start()
    yield Branch(suite, settable)
    suite.stop()
    patch.undo()
