"""Two pairs of eyes on accounts: an admin's freeze is lifted when a second person approves it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from account_service.account_models import Account, AccountStatusChange, db
from account_service.account_storage import AccountStorage
from tests.support.asking import refusal
from tests.support.suite import BankOptions, Person, Suite


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account"), database, {"APPROVAL_REQUIRED": "1"})


@pytest.fixture(scope="module")
def admin(bank: Suite) -> Person:
    return bank.admin()


@pytest.fixture(scope="module")
def second(bank: Suite) -> Person:
    return bank.employee()


@pytest.fixture(scope="module")
def third(bank: Suite, second: Person) -> Person:
    return bank.employee(second=second)


class Case:
    """An account of a customer."""

    def __init__(self, bank: Suite) -> None:
        self.bank, self.owner = bank, bank.person()
        self.account_id = self.owner.open()["id"]

    def set(self, person: Person, status: str, reason: str = "A check") -> TestResponse:
        body = {"status": status, "reason": reason}
        return self.bank.call("account", "PUT", f"/api/accounts/update/{self.account_id}", person, json=body)

    def asked(self, admin: Person, asker: Person) -> dict[str, Any]:
        assert self.set(admin, "frozen").status_code == 200
        answer = self.set(asker, "active", "The police have closed the case")
        assert answer.status_code == 202, answer.text
        approval: dict[str, Any] = answer.get_json()["approval"]
        return approval

    def decide(self, person: Person, approval: dict[str, Any], what: str = "approve", **body: str) -> TestResponse:
        path = f"/api/accounts/approvals/{approval['id']}/{what}"
        return self.bank.call("account", "POST", path, person, **({"json": body} if body else {}))

    def status(self, person: Person) -> str:
        answer = self.bank.call("account", "GET", f"/api/accounts/details/{self.account_id}", person)
        return str(answer.get_json()["account"]["status"])


@pytest.fixture
def case(bank: Suite) -> Case:
    return Case(bank)


def test_an_admins_freeze_is_lifted_by_two(case: Case, admin: Person, second: Person, third: Person) -> None:
    approval = case.asked(admin, second)
    assert (approval["action"], approval["account"]["status"], case.status(admin)) == ("unfreeze", "frozen", "frozen")
    assert approval["request"] == {"status": "active", "reason": "The police have closed the case"}
    assert refusal(case.decide(second, approval)) == (403, "FORBIDDEN")
    done = case.decide(third, approval)
    assert (done.status_code, done.get_json()["approval"]["account"]["status"]) == (200, "active")
    assert case.status(admin) == "active"
    assert refusal(case.decide(third, approval)) == (409, "ALREADY_DECIDED")


def test_a_freeze_that_comes_in_between_is_not_lifted_by_one(
    case: Case, admin: Person, second: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction = AccountStorage.transaction

    def freeze_first(storage: AccountStorage) -> AbstractContextManager[None]:
        monkeypatch.setattr(AccountStorage, "transaction", transaction)
        assert case.set(admin, "frozen").status_code == 200
        return transaction(storage)

    monkeypatch.setattr(AccountStorage, "transaction", freeze_first)
    assert case.set(second, "active").status_code == 202
    assert case.status(admin) == "frozen"


def test_an_admin_does_not_lift_a_freeze_of_an_admin_alone_either(case: Case, admin: Person, second: Person) -> None:
    approval = case.asked(admin, admin)
    assert refusal(case.decide(admin, approval)) == (403, "FORBIDDEN")
    assert case.decide(second, approval).status_code == 200


def test_an_employees_freeze_is_lifted_by_one(case: Case, admin: Person, second: Person) -> None:
    assert case.set(second, "frozen").status_code == 200
    assert case.set(second, "active").status_code == 200


def test_an_admins_freeze_stays_one_when_an_employee_freezes_again(case: Case, admin: Person, second: Person) -> None:
    case.set(admin, "frozen")
    case.set(second, "frozen")
    assert case.set(second, "active").status_code == 202


def test_a_freeze_becomes_an_admins_when_an_admin_freezes_again(case: Case, admin: Person, second: Person) -> None:
    case.set(second, "frozen")
    case.set(admin, "frozen")
    assert case.set(second, "active").status_code == 202


def test_an_admins_freeze_that_was_lifted_does_not_count(
    case: Case, admin: Person, second: Person, third: Person
) -> None:
    case.decide(third, case.asked(admin, second))
    case.set(second, "frozen")
    assert case.set(second, "active").status_code == 200


def test_a_freeze_whose_author_is_not_known_counts_as_an_admins(case: Case, bank: Suite, second: Person) -> None:
    assert case.set(second, "frozen").status_code == 200
    with bank.apps["account"].app_context(), db.transaction():
        db.session.query(AccountStatusChange).update({"changed_by_role": None})
    assert case.set(second, "active").status_code == 202


def test_freezing_never_waits(case: Case, admin: Person, second: Person) -> None:
    assert case.set(second, "frozen").status_code == 200
    assert case.set(admin, "frozen").status_code == 200


def test_a_rejected_request_leaves_the_freeze(case: Case, admin: Person, second: Person, third: Person) -> None:
    approval = case.asked(admin, second)
    assert case.decide(third, approval, "reject", reason="The case is open").status_code == 200
    assert case.status(admin) == "frozen"
    assert case.set(second, "active").status_code == 202


def test_two_at_once_decide_once(case: Case, admin: Person, second: Person, third: Person) -> None:
    approval = case.asked(admin, admin)
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(case.decide, person, approval) for person in (second, third)]
        assert sorted(call.result().status_code for call in calls) == [200, 409]


def test_the_owner_does_not_decide(bank: Suite, admin: Person, second: Person, third: Person) -> None:
    case = Case(bank)
    case.owner = third
    case.account_id = third.open()["id"]
    approval = case.asked(admin, second)
    assert refusal(case.decide(third, approval)) == (403, "FORBIDDEN")
    assert refusal(case.decide(third, approval, "reject", reason="Mine")) == (403, "FORBIDDEN")
    assert case.status(admin) == "frozen"


def test_the_list_shows_the_account(case: Case, bank: Suite, admin: Person, second: Person) -> None:
    approval = case.asked(admin, second)
    path = f"/api/accounts/approvals?subject_id={case.account_id}&status=pending"
    (row,) = bank.call("account", "GET", path, admin).get_json()["approvals"]
    assert (row["id"], row["account"]["id"], row["asked_by_name"]) == (
        approval["id"],
        case.account_id,
        second.username,
    )
    assert row["account"]["account_number"].startswith("••••")
    assert refusal(bank.call("account", "GET", path, case.owner)) == (403, "FORBIDDEN")


def test_closing_for_a_customer_waits_for_a_second_person(
    bank: Suite, admin: Person, second: Person, third: Person
) -> None:
    case = Case(bank)
    path, body = f"/api/accounts/close/{case.account_id}", {"reason": "She asked for it"}
    asked = bank.call("account", "POST", path, second, json=body)
    assert asked.status_code == 202, asked.text
    approval = asked.get_json()["approval"]
    assert (approval["action"], approval["request"]) == ("close", body)
    details = f"/api/accounts/details/{case.account_id}"
    assert bank.call("account", "GET", details, case.owner).get_json()["account"]["status"] == "active"
    approve = f"/api/accounts/approvals/{approval['id']}/approve"
    assert refusal(bank.call("account", "POST", approve, second)) == (403, "FORBIDDEN")
    assert bank.call("account", "POST", approve, third).status_code == 200
    assert bank.call("account", "GET", details, case.owner).get_json()["account"]["status"] == "closed"


def test_an_account_that_got_money_meanwhile_is_not_closed(bank: Suite, second: Person, third: Person) -> None:
    case = Case(bank)
    asked = bank.call("account", "POST", f"/api/accounts/close/{case.account_id}", second, json={"reason": "Asked"})
    with bank.apps["account"].app_context(), db.transaction():
        found = db.session.get(Account, UUID(case.account_id))
        assert found is not None
        found.balance_minor = 100
    approve = f"/api/accounts/approvals/{asked.get_json()['approval']['id']}/approve"
    assert refusal(bank.call("account", "POST", approve, third)) == (400, "NON_ZERO_BALANCE")


@pytest.mark.parametrize("is_disabled", [True, False])
def test_what_somebody_asked_who_may_no_longer_ask_is_not_approved(
    case: Case, bank: Suite, admin: Person, second: Person, third: Person, is_disabled: bool
) -> None:
    asker = bank.employee(second=second)
    approval = case.asked(admin, asker)
    if is_disabled:
        bank.disable(asker)
    else:
        bank.permit(asker, "customers:read", "accounts:close", second=second)
    assert refusal(case.decide(third, approval)) == (409, "ASKER_NOT_ALLOWED")
    assert case.status(admin) == "frozen"
    assert case.decide(third, approval, "reject", reason="Left the bank").status_code == 200


def test_nothing_is_approved_while_nobody_knows_whether_the_person_may_ask(
    case: Case, bank: Suite, admin: Person, second: Person, third: Person
) -> None:
    approval = case.asked(admin, second)
    bank.adapters["auth"].down = True
    try:
        assert refusal(case.decide(third, approval)) == (503, "SERVICE_UNAVAILABLE")
    finally:
        bank.adapters["auth"].down = False
    assert case.status(admin) == "frozen"
