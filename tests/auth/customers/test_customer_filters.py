"""The staff's lists of the auth service, on both databases: filters by day and by who asked, in either order."""

from typing import Any

import pytest

from shared.core.clock import now
from tests.support.suite import BankOptions, Person, Suite

NOUNS = {"customers": "customers", "users": "users", "cases/all": "cases", "approvals": "approvals"}


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth",), database, variables={"APPROVAL_REQUIRED": "1"})


@pytest.fixture(scope="module")
def admin(bank: Suite) -> Person:
    """The admin, when Ada and Bob have written, and are to become colleagues."""
    admin = bank.admin()
    bank.employee("clerk")
    for name in ("ada", "bob"):
        person = bank.person(name)
        ask(bank, person, "POST", "cases", {"kind": "question", "subject": f"A card, {name}", "text": "When?"}, 201)
        ask(bank, admin, "PUT", f"users/{person.user_id}", {"role": "employee"}, 202)
    return admin


def ask(bank: Suite, person: Person, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    answer = bank.call("auth", method, f"/api/auth/{path}", person, **({"json": body} if body else {}))
    assert answer.status_code == status, answer.text
    return answer.get_json()


def ids(bank: Suite, admin: Person, path: str, query: str) -> list[str]:
    return [row["id"] for row in ask(bank, admin, "GET", f"{path}?{query}")[NOUNS[path]]]


@pytest.mark.parametrize("path", NOUNS)
def test_a_list_is_filtered_by_days(bank: Suite, admin: Person, path: str) -> None:
    today, everything = now().date(), ids(bank, admin, path, "")
    assert len(everything) >= 2
    assert ids(bank, admin, path, f"from={today}&to={today}") == everything
    assert ids(bank, admin, path, "to=2000-12-31&tz=Europe/Athens") == []
    assert list(ask(bank, admin, "GET", f"{path}?from=yesterday", status=400)["details"]) == ["from"]


@pytest.mark.parametrize("path", ["customers", "users", "cases/all"])
def test_a_list_begins_at_either_end(bank: Suite, admin: Person, path: str) -> None:
    newest_first = ids(bank, admin, path, "")
    first = ask(bank, admin, "GET", f"{path}?sort=oldest&limit=1")
    rest = ids(bank, admin, path, f"sort=oldest&cursor={first['pagination']['next_cursor']}")
    assert [first[NOUNS[path]][0]["id"], *rest] == newest_first[::-1]
    assert list(ask(bank, admin, "GET", f"{path}?sort=up", status=400)["details"]) == ["sort"]


def test_requests_are_filtered_by_who_asked(bank: Suite, admin: Person) -> None:
    assert len(ids(bank, admin, "approvals", "asked_by_name=ADM")) == 2
    assert ids(bank, admin, "approvals", "asked_by_name=%25") == []
