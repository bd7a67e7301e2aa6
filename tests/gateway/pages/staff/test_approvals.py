"""Reversals that wait for a second admin, on the pages."""

import pytest

from tests.support.suite import ADMIN_PASSWORD, PASSWORD, BankOptions, Person, Suite
from tests.support.visitor import Visitor, forms_of


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(variables={"APPROVAL_REQUIRED": "1"})


@pytest.fixture(scope="module")
def first(bank: Suite) -> Visitor:
    visitor = Visitor(bank.apps["gateway"])
    assert visitor.log_in("admin", ADMIN_PASSWORD).status_code == 303
    return visitor


@pytest.fixture(scope="module")
def second(bank: Suite) -> Visitor:
    person = bank.person("second")
    bank.call("auth", "PUT", f"/api/auth/users/{person.user_id}", bank.admin(), json={"role": "admin"})
    visitor = Visitor(bank.apps["gateway"])
    assert visitor.log_in("second", PASSWORD).status_code == 303
    return visitor


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    return bank.person("ada")


def ask(first: Visitor, ada: Person, description: str) -> str:
    """Ask for the reversal of a withdrawal of 40.00 from 100.00, and return the path of the request."""
    account = ada.open("100.00")
    made = ada.pay("withdraw", account_id=account["id"], amount="40.00", description=description)["transaction"]
    asked = first.submit(f"/admin/transactions/{made['id']}/reverse")
    assert (asked.status_code, asked.headers["Location"]) == (303, "/admin/approvals")
    page = first.get("/admin/approvals?status=pending")
    assert description in page.text
    action = next(form.action for form in forms_of(page) if form.action.endswith("/reject"))
    return action.removesuffix("/reject")


def actions(visitor: Visitor) -> list[str]:
    return [form.action for form in forms_of(visitor.get("/admin/approvals"))]


def test_what_one_admin_asks_for_another_one_approves(first: Visitor, second: Visitor, ada: Person) -> None:
    path = ask(first, ada, "Mistake")
    assert "You have asked for this." in first.get("/admin/approvals").text
    original = ada.transactions()[0]["id"]
    assert "admin has asked to undo this transaction." in second.get(f"/admin/transactions/{original}").text
    assert "asked to undo" not in ada.visitor.get(f"/transactions/{original}").text
    assert f"{path}/approve" not in actions(first)
    done = second.submit("/admin/approvals", action=f"{path}/approve")
    assert done.status_code == 303
    assert "Approved: the money has moved back." in second.get(done.headers["Location"]).text
    assert "approved by second" in first.get("/admin/approvals?status=approved").text
    assert "asked to undo" not in second.get(f"/admin/transactions/{original}").text
    assert "+$40.00" in ada.visitor.get("/transactions?type=reversal").text


def test_a_request_is_rejected_with_a_reason(first: Visitor, second: Visitor, ada: Person) -> None:
    path = ask(first, ada, "Regret")
    refused = second.submit("/admin/approvals", action=f"{path}/reject", reason="")
    assert refused.status_code == 400
    assert "Enter the reason." in refused.text
    assert second.submit("/admin/approvals", action=f"{path}/reject", reason="She agrees").status_code == 303
    page = first.get("/admin/approvals?status=rejected")
    assert "Reason: She agrees" in page.text
    assert f"{path}/approve" not in actions(second)


def test_a_decided_request_says_so(first: Visitor, second: Visitor, ada: Person) -> None:
    path = ask(first, ada, "Late")
    fields = next(form.fields for form in forms_of(second.get("/admin/approvals")) if form.action == f"{path}/approve")
    assert first.submit("/admin/approvals", action=f"{path}/reject", reason="Mine").status_code == 303
    answer = second.post(f"{path}/approve", fields)
    assert answer.status_code == 400
    assert "has been decided already" in answer.text


def test_customers_and_employees_have_no_approvals(ada: Person) -> None:
    assert ada.visitor.get("/admin/approvals").status_code == 403
