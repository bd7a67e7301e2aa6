"""Two pairs of eyes on people: a change of a role or of permissions waits until a second person approves it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from auth_service.auth_logic import Tools
from shared.db import approvals
from shared.db.approvals import ApprovalTable
from tests.support.asking import NOBODY, call, refusal
from tests.support.suite import BankOptions, Person, Suite


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth",), database, {"APPROVAL_REQUIRED": "1"})


def put(bank: Suite, admin: Person, person: Person, **changes: str) -> TestResponse:
    return call(bank, "PUT", f"users/{person.user_id}", admin, json=changes)


def decide(bank: Suite, person: Person, approval: dict[str, Any], what: str = "approve", **body: str) -> TestResponse:
    return call(bank, "POST", f"approvals/{approval['id']}/{what}", person, **({"json": body} if body else {}))


def again(bank: Suite, person: Person) -> Person:
    return bank.log_in(person.username)


def role(bank: Suite, admin: Person, person: Person) -> str:
    return str(call(bank, "GET", f"users/{person.user_id}", admin).get_json()["user"]["role"])


@pytest.fixture(scope="module")
def second(bank: Suite, admin: Person) -> Person:
    """The first colleague, whom the first admin appoints alone."""
    person = bank.person()
    assert put(bank, admin, person, role="employee").status_code == 200
    return again(bank, person)


def employ(bank: Suite, admin: Person, second: Person, new_role: str = "employee") -> Person:
    person = bank.person()
    asked = put(bank, admin, person, role=new_role)
    assert decide(bank, second, asked.get_json()["approval"]).status_code == 200
    return again(bank, person)


class Asked:
    """A customer whom an admin wants to make an employee."""

    def __init__(self, bank: Suite, admin: Person) -> None:
        self.bank, self.admin, self.person = bank, admin, bank.person()
        self.answer = put(bank, admin, self.person, role="employee", reason="Joins the desk")
        assert self.answer.status_code == 202, self.answer.text
        self.approval: dict[str, Any] = self.answer.get_json()["approval"]

    def decide(self, person: Person, what: str = "approve", **body: str) -> TestResponse:
        return decide(self.bank, person, self.approval, what, **body)

    def role(self) -> str:
        return role(self.bank, self.admin, self.person)

    def status(self) -> str:
        rows = call(self.bank, "GET", f"approvals?subject_id={self.person.user_id}", self.admin).get_json()["approvals"]
        return next(str(row["status"]) for row in rows if row["id"] == self.approval["id"])


@pytest.fixture
def asked(bank: Suite, admin: Person, second: Person) -> Asked:
    return Asked(bank, admin)


def test_a_role_waits_and_a_second_person_gives_it(bank: Suite, asked: Asked, admin: Person, second: Person) -> None:
    assert asked.role() == "customer"
    approval = asked.approval
    assert (approval["action"], approval["status"], approval["asked_by_name"]) == ("change_role", "pending", "admin")
    assert approval["request"] == {"role": "employee", "reason": "Joins the desk"}
    assert approval["subject"]["username"] == asked.person.username
    done = asked.decide(second)
    assert (done.status_code, done.get_json()["approval"]["status"]) == (200, "approved")
    assert done.get_json()["approval"]["decided_by_name"] == second.username
    assert (asked.role(), asked.status()) == ("employee", "approved")
    assert refusal(call(bank, "GET", "verify_token", asked.person)) == (401, "INVALID_TOKEN")


def test_the_reason_and_both_people_are_in_the_audit(bank: Suite, asked: Asked, admin: Person, second: Person) -> None:
    asked.decide(second)
    query = f"audit?user_id={asked.person.user_id}&limit=200"
    entries = {entry["action"]: entry for entry in call(bank, "GET", query, admin).get_json()["audit"]}
    assert entries["approval.ask"]["actor"] == "admin"
    assert entries["approval.approve"]["actor"] == second.username
    change = entries["user.role_change"]
    assert change["actor"] == second.username
    assert change["details"] == {"from": "customer", "to": "employee", "reason": "Joins the desk", "asked_by": "admin"}


def test_the_first_person_can_not_approve(asked: Asked, admin: Person) -> None:
    assert refusal(asked.decide(admin)) == (403, "FORBIDDEN")
    assert (asked.role(), asked.status()) == ("customer", "pending")


def test_a_role_that_was_taken_meanwhile_does_not_come_back_by_one(
    bank: Suite, admin: Person, second: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, transaction = employ(bank, admin, second), Tools.transaction
    demotion = put(bank, admin, person, role="customer").get_json()["approval"]

    def demote_first(tools: Tools) -> AbstractContextManager[None]:
        monkeypatch.setattr(Tools, "transaction", transaction)
        assert decide(bank, second, demotion).status_code == 200
        return transaction(tools)

    monkeypatch.setattr(Tools, "transaction", demote_first)
    assert put(bank, admin, person, role="employee").status_code == 202
    assert role(bank, admin, person) == "customer"


def test_permissions_that_were_taken_meanwhile_do_not_come_back_by_one(
    bank: Suite, admin: Person, second: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, transaction = employ(bank, admin, second), Tools.transaction
    path, fewer = f"users/{person.user_id}/permissions", {"permissions": ["customers:read"]}
    every = call(bank, "GET", path, admin).get_json()["permissions"]
    asked = call(bank, "PUT", path, admin, json=fewer).get_json()["approval"]

    def take_first(tools: Tools) -> AbstractContextManager[None]:
        monkeypatch.setattr(Tools, "transaction", transaction)
        assert decide(bank, second, asked).status_code == 200
        return transaction(tools)

    monkeypatch.setattr(Tools, "transaction", take_first)
    assert call(bank, "PUT", path, admin, json={"permissions": every}).status_code == 202
    assert call(bank, "GET", path, admin).get_json()["permissions"] == fewer["permissions"]


def test_nobody_decides_about_themselves(bank: Suite, admin: Person, second: Person) -> None:
    person = employ(bank, admin, second)
    approval = put(bank, admin, person, role="admin").get_json()["approval"]
    assert refusal(decide(bank, person, approval)) == (403, "FORBIDDEN")
    assert refusal(decide(bank, person, approval, "reject", reason="No")) == (403, "FORBIDDEN")
    assert role(bank, admin, person) == "employee"


def test_a_rejection_has_a_reason_and_leaves_the_role(asked: Asked, second: Person) -> None:
    assert refusal(asked.decide(second, "reject", reason="")) == (400, "INVALID_REQUEST")
    answer = asked.decide(second, "reject", reason="Not trained yet")
    assert (answer.status_code, answer.get_json()["approval"]["reason"]) == (200, "Not trained yet")
    assert refusal(asked.decide(second)) == (409, "ALREADY_DECIDED")
    assert (asked.role(), asked.status()) == ("customer", "rejected")


def test_one_can_take_back_what_one_has_asked_for_and_ask_again(bank: Suite, asked: Asked, admin: Person) -> None:
    assert asked.decide(admin, "reject", reason="A mistake").status_code == 200
    assert put(bank, admin, asked.person, role="employee").status_code == 202


def test_asking_twice_is_one_request_and_another_change_has_to_wait(bank: Suite, asked: Asked, admin: Person) -> None:
    same = put(bank, admin, asked.person, role="employee", reason="Joins the desk")
    assert same.get_json()["approval"]["id"] == asked.approval["id"]
    assert refusal(put(bank, admin, asked.person, role="admin")) == (409, "APPROVAL_PENDING")


@pytest.mark.parametrize("second_decision", ["approve", "reject"])
def test_two_at_once_decide_once(bank: Suite, admin: Person, second: Person, second_decision: str) -> None:
    third = employ(bank, admin, second)
    asked = Asked(bank, admin)
    body = {"reason": "No"} if second_decision == "reject" else {}
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(asked.decide, second), pool.submit(asked.decide, third, second_decision, **body)]
        assert sorted(one.result().status_code for one in calls) == [200, 409]
    assert (asked.role(), asked.status()) in (("employee", "approved"), ("customer", "rejected"))


def test_many_who_ask_at_once_make_one_request(bank: Suite, admin: Person, second: Person) -> None:
    person = bank.person()
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(put, bank, admin, person, role="employee") for _ in range(4)]
        ids = {answer.result().get_json()["approval"]["id"] for answer in answers}
    assert len(ids) == 1


def test_a_request_expires_after_seven_days(bank: Suite, asked: Asked, admin: Person, second: Person) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(approvals, "PERIOD", timedelta(0))
        assert refusal(asked.decide(second)) == (409, "ALREADY_DECIDED")
        assert asked.status() == "expired"
    assert timedelta(days=7) == approvals.PERIOD
    assert refusal(asked.decide(second)) == (409, "ALREADY_DECIDED")
    assert put(bank, admin, asked.person, role="employee").status_code == 202


def test_a_change_of_permissions_waits_for_a_second_person(bank: Suite, admin: Person, second: Person) -> None:
    person = employ(bank, admin, second)
    path, body = f"users/{person.user_id}/permissions", {"permissions": ["customers:read"], "reason": "A trainee"}
    answer = call(bank, "PUT", path, admin, json=body)
    assert answer.status_code == 202
    approval = answer.get_json()["approval"]
    assert (approval["action"], approval["request"]) == ("change_permissions", body)
    assert decide(bank, second, approval).status_code == 200
    assert call(bank, "GET", path, admin).get_json()["permissions"] == ["customers:read"]


def test_closing_a_customer_waits_and_disabling_a_colleague_does_not(
    bank: Suite, admin: Person, second: Person
) -> None:
    customer, colleague = bank.person(), employ(bank, admin, second)
    for method, body in (("PUT", {"json": {"status": "disabled"}}), ("DELETE", {})):
        answer = call(bank, method, f"users/{customer.user_id}", admin, **body)
        assert (answer.status_code, answer.get_json()["approval"]["action"]) == (202, "close_person")
    assert decide(bank, second, answer.get_json()["approval"]).status_code == 200
    assert call(bank, "GET", f"users/{customer.user_id}", admin).get_json()["user"]["status"] == "disabled"
    assert put(bank, admin, customer, status="active").status_code == 200
    assert call(bank, "DELETE", f"users/{colleague.user_id}", admin).status_code == 200


def test_an_approval_that_can_not_be_carried_out_leaves_the_request(bank: Suite, admin: Person, second: Person) -> None:
    person = employ(bank, admin, second)
    path = f"users/{person.user_id}/permissions"
    approval = call(bank, "PUT", path, admin, json={"permissions": []}).get_json()["approval"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("auth_service.permissions.permission_logic.carry_out", lambda *_args, **_names: 1 / 0)
        assert decide(bank, second, approval).status_code == 500
    rows = call(bank, "GET", f"approvals?subject_id={person.user_id}&status=pending", admin).get_json()["approvals"]
    assert [row["id"] for row in rows] == [approval["id"]]
    assert decide(bank, second, approval).status_code == 200


def test_who_may_not_decide_sees_and_takes_back_only_their_own(bank: Suite, admin: Person, second: Person) -> None:
    person = employ(bank, admin, second)
    path = f"users/{person.user_id}/permissions"
    granted = call(bank, "PUT", path, admin, json={"permissions": ["customers:read"]}).get_json()["approval"]
    decide(bank, second, granted)
    limited = again(bank, person)
    asked = Asked(bank, admin)
    assert call(bank, "GET", "approvals", limited).get_json()["approvals"] == []
    assert refusal(asked.decide(limited)) == (403, "FORBIDDEN")
    assert refusal(asked.decide(limited, "reject", reason="No")) == (404, "NOT_FOUND")
    assert refusal(asked.decide(asked.person)) == (403, "FORBIDDEN")
    assert refusal(call(bank, "GET", "approvals", asked.person)) == (403, "FORBIDDEN")


@pytest.mark.parametrize("loss", [{"status": "disabled"}, {"role": "employee"}])
def test_what_somebody_asked_who_may_no_longer_ask_is_not_approved(
    bank: Suite, admin: Person, second: Person, loss: dict[str, str]
) -> None:
    asked = Asked(bank, employ(bank, admin, second, "admin"))
    lost = put(bank, admin, asked.admin, **loss)
    if lost.status_code == 202:
        assert decide(bank, second, lost.get_json()["approval"]).status_code == 200
    assert refusal(asked.decide(second)) == (409, "ASKER_NOT_ALLOWED")
    assert role(bank, admin, asked.person) == "customer"
    assert asked.decide(second, "reject", reason="Left the bank").status_code == 200
    assert put(bank, admin, asked.person, role="employee").status_code == 202


def test_whether_the_person_may_ask_is_decided_in_the_transaction_of_the_approval(
    bank: Suite, admin: Person, second: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(bank, employ(bank, admin, second, "admin"))
    transaction = ApprovalTable.transaction

    def disable_first(table: ApprovalTable) -> AbstractContextManager[None]:
        monkeypatch.setattr(ApprovalTable, "transaction", transaction)
        assert put(bank, admin, asked.admin, status="disabled").status_code == 200
        return transaction(table)

    monkeypatch.setattr(ApprovalTable, "transaction", disable_first)
    assert refusal(asked.decide(second)) == (409, "ASKER_NOT_ALLOWED")
    assert role(bank, admin, asked.person) == "customer"


def test_an_approval_and_the_end_of_who_asked_at_once_do_not_block_each_other(
    bank: Suite, admin: Person, second: Person
) -> None:
    asked = Asked(bank, employ(bank, admin, second, "admin"))
    with ThreadPoolExecutor(2) as pool:
        approved = pool.submit(asked.decide, second)
        assert pool.submit(put, bank, admin, asked.admin, status="disabled").result().status_code == 200
    expected = ("employee", "approved") if approved.result().status_code == 200 else ("customer", "pending")
    assert (role(bank, admin, asked.person), approved.result().status_code in (200, 409)) == (expected[0], True)
    asked.admin = admin
    assert asked.status() == expected[1]


def test_the_list_is_filtered_and_paged(bank: Suite, admin: Person, second: Person) -> None:
    cases = [Asked(bank, admin).approval["id"] for _ in range(3)]
    page = call(bank, "GET", "approvals?status=pending&limit=2", second).get_json()
    assert [row["id"] for row in page["approvals"]] == [cases[2], cases[1]]
    cursor = page["pagination"]["next_cursor"]
    rest = call(bank, "GET", f"approvals?status=pending&limit=1&cursor={cursor}", second).get_json()
    assert rest["approvals"][0]["id"] == cases[0]
    assert refusal(call(bank, "GET", "approvals?status=other", second)) == (400, "INVALID_REQUEST")
    assert refusal(call(bank, "POST", f"approvals/{NOBODY}/approve", second)) == (404, "NOT_FOUND")


def test_a_reason_alone_is_no_change(bank: Suite, admin: Person, second: Person) -> None:
    assert refusal(put(bank, admin, second, reason="Because")) == (400, "INVALID_REQUEST")
