"""A bank with forty days of history, for reports whose figures are computed by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.core import clock
from tests.reporting.set_clock import SetClock
from tests.support.suite import Person, Suite


@dataclass
class World:
    """Users with forty days of history, seen at noon of `today`."""

    suite: Suite
    clock: SetClock
    noon: datetime
    admin: Person
    ada: Person
    bob: Person
    checking: str
    savings: str
    bobs: str

    @property
    def today(self) -> date:
        return self.noon.date()

    def day(self, back: int) -> str:
        return str(self.today - timedelta(days=back))

    def go_back(self, days: int) -> None:
        """Set the bank's clock to noon of the day `days` days before `today`."""
        self.clock.set(self.noon - timedelta(days=days))

    def move(self, person: Person, kind: str, expect: int = 201, **body: str) -> dict[str, Any]:
        answer = self.suite.call("transaction", "POST", f"/api/transactions/{kind}", person, json=body)
        assert answer.status_code == expect, answer.text
        return answer.json or {}

    def get(self, path: str, person: Person, **query: str) -> dict[str, Any]:
        answer = self.suite.call("reporting", "GET", f"/api/reports/{path}", person, query_string=query)
        assert answer.status_code == 200, answer.text
        return answer.json or {}

    def report(self, path: str, person: Person, **query: str) -> dict[str, Any]:
        report: dict[str, Any] = self.get(path, person, **query)["report"]
        return report


def open_account(suite: Suite, person: Person, account_type: str) -> tuple[str, str]:
    """Open an account and return its id and its number."""
    answer = suite.call("account", "POST", "/api/accounts/create", person, json={"account_type": account_type})
    assert answer.json is not None
    return answer.json["account"]["id"], answer.json["account"]["account_number"]


@contextmanager
def world_of_ada(folder: Path, database: str) -> Iterator[World]:
    """Open a bank where Ada has a checking account for forty days.

    It gets 500 before the default period, then all kinds of movements.
    """
    patch, set_clock = pytest.MonkeyPatch(), SetClock()
    patch.setattr(clock, "datetime", set_clock)
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    set_clock.set(noon - timedelta(days=40))
    names = ("auth", "account", "transaction", "reporting")
    suite = Suite(folder, names, database=database).start()
    admin, ada, bob = suite.admin(), suite.person("ada"), suite.person("bob")
    checking, number = open_account(suite, ada, "checking")
    savings, _ = open_account(suite, ada, "savings")
    bobs, bobs_number = open_account(suite, bob, "checking")
    world = World(suite, set_clock, noon, admin, ada, bob, checking, savings, bobs)
    world.move(ada, "deposit", account_id=checking, amount="500.00")
    world.go_back(10)
    world.move(ada, "deposit", account_id=checking, amount="1000.00")
    world.move(ada, "withdraw", account_id=checking, amount="120.50")
    world.move(ada, "withdraw", account_id=checking, amount="9999.00", expect=400)
    world.go_back(3)
    world.move(ada, "transfer", from_account_id=checking, to_account_id=savings, amount="200.00")
    world.move(ada, "transfer", from_account_id=checking, to_account_number=bobs_number, amount="99.99")
    world.go_back(0)
    world.move(bob, "transfer", from_account_id=bobs, to_account_number=number, amount="10.00")
    mistake = world.move(ada, "deposit", account_id=checking, amount="40.00")["transaction"]["id"]
    world.move(admin, f"reverse/{mistake}")
    yield world
    suite.stop()
    patch.undo()
