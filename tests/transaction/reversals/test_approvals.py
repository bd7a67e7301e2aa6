"""Two pairs of eyes: a reversal waits until a second admin approves it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared.db import approvals
from tests.support.processes import eventually
from tests.support.suite import BankOptions, Person, Suite
from tests.transaction.endpoints import WITHDRAW, balance, get, post, reverse
from transaction_service.reversals import reversal_service


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account", "transaction"), database, {"APPROVAL_REQUIRED": "1"})


@pytest.fixture(scope="module")
def first(bank: Suite) -> Person:
    return bank.admin()


@pytest.fixture(scope="module")
def second(bank: Suite) -> Person:
    return bank.promote(bank.person(), "admin")


class Case:
    """A withdrawal of 4.00 from 9.00, which an admin has asked to reverse."""

    def __init__(self, bank: Suite, first: Person) -> None:
        self.bank, self.owner = bank, bank.person()
        self.account = self.owner.open("9.00")
        made = post(bank, WITHDRAW, self.owner, account_id=self.account["id"], amount="4.00")
        self.transaction = made.get_json()["transaction"]
        self.asked = reverse(bank, first, self.transaction)
        assert self.asked.status_code == 202, self.asked.text
        self.approval: dict[str, Any] = self.asked.get_json()["approval"]

    def decide(self, person: Person, what: str = "approve", **body: str) -> TestResponse:
        path = f"/api/transactions/approvals/{self.approval['id']}/{what}"
        return self.bank.call("transaction", "POST", path, person, **({"json": body} if body else {}))

    def balance(self) -> str:
        return balance(self.bank, self.owner, self.account)

    def status(self, person: Person) -> str:
        rows = get(self.bank, "approvals?limit=200", person)["approvals"]
        return next(str(row["status"]) for row in rows if row["id"] == self.approval["id"])


@pytest.fixture
def case(bank: Suite, first: Person) -> Case:
    return Case(bank, first)


def refusal(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["error_code"]


def test_a_reversal_waits_and_a_second_admin_carries_it_out(case: Case, first: Person, second: Person) -> None:
    assert case.balance() == "5.00"
    assert (case.approval["action"], case.approval["status"]) == ("reverse", "pending")
    assert (case.approval["asked_by_name"], case.approval["transaction"]["id"]) == ("admin", case.transaction["id"])
    done = case.decide(second)
    assert (done.status_code, done.get_json()["transaction"]["reverses"]) == (201, case.transaction["id"])
    assert (case.balance(), case.status(first)) == ("9.00", "approved")


def test_the_first_person_can_not_approve(case: Case, first: Person) -> None:
    assert refusal(case.decide(first)) == (403, "FORBIDDEN")
    assert (case.balance(), case.status(first)) == ("5.00", "pending")


def test_the_owner_of_the_money_can_not_decide(bank: Suite, first: Person, second: Person) -> None:
    case = Case(bank, first)
    owner = bank.promote(case.owner, "admin", second=second)
    assert refusal(case.decide(owner)) == (403, "FORBIDDEN")
    assert refusal(case.decide(owner, "reject", reason="No")) == (403, "FORBIDDEN")
    assert case.status(first) == "pending"


def test_a_rejection_has_a_reason_and_leaves_the_money(case: Case, first: Person, second: Person) -> None:
    assert refusal(case.decide(second, "reject", reason="")) == (400, "INVALID_REQUEST")
    answer = case.decide(second, "reject", reason="The customer agrees")
    assert answer.status_code == 200
    approval = answer.get_json()["approval"]
    assert (approval["status"], approval["reason"]) == ("rejected", "The customer agrees")
    assert approval["decided_by_name"] == second.username
    assert refusal(case.decide(second)) == (409, "ALREADY_DECIDED")
    assert case.balance() == "5.00"


def test_one_can_take_back_what_one_has_asked_for_and_ask_again(case: Case, bank: Suite, first: Person) -> None:
    assert case.decide(first, "reject", reason="A mistake").status_code == 200
    assert reverse(bank, first, case.transaction).status_code == 202


def test_asking_twice_is_one_request_and_others_are_told_that_it_waits(
    case: Case, bank: Suite, first: Person, second: Person
) -> None:
    again = reverse(bank, first, case.transaction)
    assert (again.status_code, again.get_json()["approval"]["id"]) == (202, case.approval["id"])
    assert refusal(reverse(bank, second, case.transaction)) == (409, "APPROVAL_PENDING")


def test_a_repeated_approval_moves_the_money_once(case: Case, second: Person) -> None:
    answers = [case.decide(second) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].get_json()["transaction"]["id"] == answers[1].get_json()["transaction"]["id"]
    assert case.balance() == "9.00"


def test_an_approval_is_carried_out_although_the_process_dies_after_it(
    case: Case, first: Person, second: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_given: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(reversal_service, "carry_out_order", die)
        assert case.decide(second).status_code == 500
    assert case.status(first) == "approved"
    eventually(lambda: case.balance() == "9.00", within_seconds=10, what="the reversal is carried out")
    assert case.decide(second).status_code == 201
    assert case.balance() == "9.00"


def test_two_at_once_decide_once(bank: Suite, first: Person, second: Person) -> None:
    third = bank.promote(bank.person(), "admin", second=second)
    case = Case(bank, first)
    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(case.decide, second), pool.submit(case.decide, third, "reject", reason="No")]
        codes = sorted(call.result().status_code for call in calls)
    assert codes in ([200, 409], [201, 409])
    assert (case.balance(), case.status(first)) in (("9.00", "approved"), ("5.00", "rejected"))


def test_a_request_expires_after_seven_days(case: Case, bank: Suite, first: Person, second: Person) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(approvals, "PERIOD", timedelta(0))
        assert refusal(case.decide(second)) == (409, "ALREADY_DECIDED")
        assert case.status(first) == "expired"
    assert timedelta(days=7) == approvals.PERIOD
    assert refusal(case.decide(second)) == (409, "ALREADY_DECIDED")
    assert reverse(bank, first, case.transaction).status_code == 202


def test_what_somebody_asked_who_may_no_longer_ask_is_not_approved(bank: Suite, first: Person, second: Person) -> None:
    asker = bank.promote(bank.person(), "admin", second=second)
    case = Case(bank, asker)
    bank.disable(asker)
    assert refusal(case.decide(second)) == (409, "ASKER_NOT_ALLOWED")
    assert (case.balance(), case.status(first)) == ("5.00", "pending")
    assert case.decide(second, "reject", reason="Left the bank").status_code == 200


def test_an_approval_is_repeated_also_after_the_end_of_who_asked(bank: Suite, second: Person) -> None:
    asker = bank.promote(bank.person(), "admin", second=second)
    case = Case(bank, asker)
    assert case.decide(second).status_code == 201
    bank.disable(asker)
    assert case.decide(second).status_code == 201
    assert case.balance() == "9.00"


def test_customers_neither_see_nor_decide_requests(case: Case, bank: Suite) -> None:
    for answer in (
        bank.call("transaction", "GET", "/api/transactions/approvals", case.owner),
        case.decide(case.owner),
        case.decide(case.owner, "reject", reason="Mine"),
    ):
        assert refusal(answer) == (403, "FORBIDDEN")


def test_the_list_is_filtered_and_paged(bank: Suite, first: Person) -> None:
    cases = [Case(bank, first) for _ in range(3)]
    page = get(bank, "approvals?status=pending&limit=2", first)
    assert [row["id"] for row in page["approvals"]] == [cases[2].approval["id"], cases[1].approval["id"]]
    rest = get(bank, f"approvals?status=pending&limit=1&cursor={page['pagination']['next_cursor']}", first)
    assert rest["approvals"][0]["id"] == cases[0].approval["id"]
    mine = get(bank, f"approvals?transaction_id={cases[1].transaction['id']}&asked_by={first.user_id}", first)
    assert [row["id"] for row in mine["approvals"]] == [cases[1].approval["id"]]
    assert not get(bank, f"approvals?asked_by={cases[0].owner.user_id}", first)["approvals"]
    answer = bank.call("transaction", "GET", "/api/transactions/approvals?status=other", first)
    assert refusal(answer) == (400, "INVALID_REQUEST")
    unknown = "/api/transactions/approvals/00000000-0000-4000-8000-000000000000"
    assert refusal(bank.call("transaction", "POST", f"{unknown}/approve", first)) == (404, "NOT_FOUND")
