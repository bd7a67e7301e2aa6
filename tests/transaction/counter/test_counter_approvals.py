"""Cash above APPROVAL_AMOUNT is paid out when a second person has approved it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from shared.db import approvals
from tests.support.suite import BankOptions, Person, Suite
from tests.transaction.counter.tills import CASH_OUT, Till, refusal
from tests.transaction.endpoints import balance, get, post


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account", "transaction"), database, {"APPROVAL_AMOUNT": "100"})


@pytest.fixture
def colleague(bank: Suite) -> Person:
    return bank.employee()


@pytest.fixture
def till(bank: Suite) -> Till:
    return Till(bank, "1000.00")


@pytest.fixture
def account(ada: Person) -> dict[str, Any]:
    return ada.open("500.00")


def ask(till: Till, account: dict[str, Any], amount: str = "100.01", key: str | None = None) -> dict[str, Any]:
    answer = till.pay_out(account, amount, key)
    assert answer.status_code == 202, answer.text
    approval: dict[str, Any] = answer.get_json()["approval"]
    return approval


def decide(bank: Suite, approval: dict[str, Any], person: Person, what: str = "approve", **body: str) -> TestResponse:
    path = f"/api/transactions/approvals/{approval['id']}/{what}"
    return bank.call("transaction", "POST", path, person, **({"json": body} if body else {}))


def test_a_large_withdrawal_waits_and_a_colleague_carries_it_out(
    bank: Suite, ada: Person, till: Till, account: dict[str, Any], colleague: Person
) -> None:
    approval = ask(till, account, "200.00")
    about = approval["transaction"]
    assert (approval["action"], approval["status"], approval["asked_by_name"]) == (
        "withdraw",
        "pending",
        till.teller.username,
    )
    assert (about["amount"], about["status"], about["account_id"]) == ("200.00", "pending", account["id"])
    assert about["account_number"] == f"••••{account['account_number'][-4:]}"
    assert (balance(bank, ada, account), till.cash()) == ("500.00", "1000.00")
    done = decide(bank, approval, colleague)
    assert (done.status_code, done.get_json()["transaction"]["id"]) == (201, about["id"])
    assert (balance(bank, ada, account), till.cash()) == ("300.00", "800.00")
    assert decide(bank, approval, colleague).get_json()["transaction"]["id"] == about["id"]
    assert till.cash() == "800.00"
    assert get(bank, f"details/{about['id']}", ada)["transaction"]["status"] == "completed"


def test_up_to_the_amount_and_into_an_account_nobody_waits(till: Till, account: dict[str, Any]) -> None:
    assert till.pay_out(account, "100.00").status_code == 201
    assert till.pay_in(account, "5000.00").status_code == 201


def test_the_teller_and_the_owner_of_the_account_can_not_approve(
    bank: Suite, till: Till, account: dict[str, Any]
) -> None:
    assert refusal(decide(bank, ask(till, account), till.teller)) == (403, "FORBIDDEN")
    owner = bank.employee()
    own = owner.open("500.00")
    assert refusal(decide(bank, ask(till, own), owner)) == (403, "FORBIDDEN")
    without = bank.employee(permissions=("counter:withdraw",))
    assert refusal(decide(bank, ask(till, account), without)) == (403, "FORBIDDEN")
    assert till.cash() == "1000.00"


@pytest.mark.parametrize("is_disabled", [True, False])
def test_what_a_teller_asked_who_may_no_longer_pay_out_is_not_approved(
    bank: Suite, till: Till, account: dict[str, Any], colleague: Person, is_disabled: bool
) -> None:
    approval = ask(till, account)
    if is_disabled:
        bank.disable(till.teller)
    else:
        bank.permit(till.teller, "counter:deposit")
    assert refusal(decide(bank, approval, colleague)) == (409, "ASKER_NOT_ALLOWED")
    assert decide(bank, approval, colleague, "reject", reason="Has left").status_code == 200


def test_the_same_key_asks_once_and_tells_what_came_of_it(
    bank: Suite, ada: Person, till: Till, account: dict[str, Any], colleague: Person
) -> None:
    approval = ask(till, account, "150.00", "car")
    assert ask(till, account, "150.00", "car")["id"] == approval["id"]
    assert refusal(till.pay_out(account, "151.00", "car")) == (422, "IDEMPOTENCY_KEY_REUSED")
    decide(bank, approval, colleague)
    again = till.pay_out(account, "150.00", "car")
    assert (again.status_code, again.get_json()["transaction"]["id"]) == (201, approval["transaction"]["id"])
    assert balance(bank, ada, account) == "350.00"


def test_no_key_of_the_teller_gets_in_the_way_of_an_approval(
    bank: Suite, till: Till, account: dict[str, Any], colleague: Person
) -> None:
    approval = ask(till, account)
    for key in (f"approval-{approval['id']}", approval["id"], approval["transaction"]["id"]):
        assert till.pay_out(account, "1.00", key).status_code == 201
    assert decide(bank, approval, colleague).status_code == 201
    assert till.cash() == "896.99"


def test_a_rejected_or_expired_withdrawal_is_not_paid(
    bank: Suite, till: Till, account: dict[str, Any], colleague: Person
) -> None:
    rejected = ask(till, account, key="no")
    assert decide(bank, rejected, colleague, "reject", reason="Ask for the passport first").status_code == 200
    assert refusal(till.pay_out(account, "100.01", "no")) == (409, "ALREADY_DECIDED")
    waiting = ask(till, account)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(approvals, "PERIOD", timedelta(0))
        assert refusal(decide(bank, waiting, colleague)) == (409, "ALREADY_DECIDED")
    assert till.cash() == "1000.00"


def test_a_withdrawal_that_is_refused_makes_no_request(
    bank: Suite, admin: Person, ada: Person, account: dict[str, Any]
) -> None:
    till = Till(bank, "120.00")
    assert refusal(till.pay_out(account, "120.01")) == (400, "TILL_SHORT")
    assert refusal(till.pay_out(account, "500.01")) == (400, "INSUFFICIENT_FUNDS")
    assert refusal(till.pay_out(till.teller.open("500"), "110")) == (403, "FORBIDDEN")
    frozen = ada.open("500")
    change = {"status": "frozen", "reason": "A check"}
    bank.call("account", "PUT", f"/api/accounts/update/{frozen['id']}", admin, json=change)
    assert refusal(till.pay_out(frozen, "110")) == (400, "ACCOUNT_NOT_ACTIVE")
    till.close("120.00")
    assert refusal(till.pay_out(account, "110")) == (400, "TILL_NOT_OPEN")


def test_a_till_that_was_closed_meanwhile_pays_nothing(
    bank: Suite, ada: Person, till: Till, account: dict[str, Any], colleague: Person
) -> None:
    approval = ask(till, account)
    till.close("1000.00")
    assert refusal(decide(bank, approval, colleague)) == (400, "TILL_NOT_OPEN")
    assert balance(bank, ada, account) == "500.00"


def test_two_colleagues_at_once_pay_once(
    bank: Suite, ada: Person, till: Till, account: dict[str, Any], colleague: Person
) -> None:
    approval, third = ask(till, account, "200.00"), bank.employee()
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda person: decide(bank, approval, person), (colleague, third)))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert (balance(bank, ada, account), till.cash()) == ("300.00", "800.00")


def test_who_may_not_decide_sees_and_takes_back_own_requests_only(
    bank: Suite, till: Till, account: dict[str, Any]
) -> None:
    others = ask(till, account)
    payer = bank.employee(permissions=("counter:withdraw",))
    assert post(bank, "/api/transactions/tills", payer, **{"float": "900"}).status_code == 201
    own = post(bank, CASH_OUT, payer, account_id=account["id"], amount="300").get_json()["approval"]
    assert [row["id"] for row in get(bank, "approvals", payer)["approvals"]] == [own["id"]]
    assert refusal(decide(bank, others, payer, "reject", reason="No")) == (404, "NOT_FOUND")
    assert decide(bank, own, payer, "reject", reason="A mistake").status_code == 200
