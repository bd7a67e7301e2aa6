"""Customers' accounts and transactions, as the staff see and change them."""

from typing import Any
from uuid import uuid4

import pytest

from shared.formats import MINUS
from tests.customers import Customer, customer, form_with
from tests.suite import ADMIN_PASSWORD, PASSWORD, Suite
from tests.visitor import Visitor, forms_of


@pytest.fixture(scope="module")
def admin(suite: Suite) -> Visitor:
    visitor = Visitor(suite.apps["gateway"])
    assert visitor.log_in("admin", ADMIN_PASSWORD).status_code == 303
    return visitor


@pytest.fixture(scope="module")
def employee(suite: Suite) -> Visitor:
    person = suite.person("clerk")
    suite.call("auth", "PUT", f"/api/auth/users/{person.user_id}", suite.admin(), json={"role": "employee"})
    visitor = Visitor(suite.apps["gateway"])
    assert visitor.log_in("clerk").status_code == 303
    return visitor


@pytest.fixture(scope="module")
def ada(suite: Suite) -> Customer:
    return customer(suite, "ada")


@pytest.fixture
def account(ada: Customer) -> dict[str, Any]:
    return ada.open("100.00", nickname="Everyday")


def test_accounts_are_found_by_the_end_of_their_number(employee: Visitor, account: dict[str, Any]) -> None:
    page = employee.get(f"/admin/accounts?q={account['account_number'][-4:]}&status=active")
    assert page.status_code == 200
    assert f"/admin/accounts/{account['id']}" in page.text
    assert account["account_number"] not in page.text
    assert "Nothing fits" in employee.get(f"/admin/accounts?q={account['account_number'][-4:]}&status=closed").text
    assert employee.get("/admin/accounts?q=abc").status_code == 400
    assert employee.get("/admin/accounts?user_id=abc").status_code == 400


def test_the_accounts_of_one_customer(admin: Visitor, ada: Customer, account: dict[str, Any], suite: Suite) -> None:
    other = customer(suite).open()
    page = admin.get(f"/admin/accounts?user_id={ada.person.user_id}").text
    assert account["id"] in page
    assert other["id"] not in page


def test_an_account_shows_what_staff_need(admin: Visitor, employee: Visitor, account: dict[str, Any]) -> None:
    for visitor in (admin, employee):
        page = visitor.get(f"/admin/accounts/{account['id']}")
        assert page.status_code == 200
        assert account["account_number"] not in page.text
        assert "$100.00" in page.text
        assert "+$100.00" in page.text
    assert "ada@example.com" in admin.get(f"/admin/accounts/{account['id']}").text
    assert admin.get(f"/admin/accounts/{uuid4()}").status_code == 404


def test_staff_who_follow_a_customers_link_come_to_their_own_view(employee: Visitor, account: dict[str, Any]) -> None:
    answer = employee.get(f"/accounts/{account['id']}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/admin/accounts/{account['id']}")


def test_an_account_is_frozen_for_a_reason_and_let_go_on(
    employee: Visitor, ada: Customer, account: dict[str, Any]
) -> None:
    path = f"/admin/accounts/{account['id']}"
    page = employee.submit(path, reason="")
    assert page.status_code == 400
    assert "Say why." in page.text
    answer = employee.submit(path, reason="Card was stolen")
    assert answer.status_code == 303
    page = employee.get(path)
    assert "The account is now frozen." in page.text
    assert form_with(page, status="active")
    ada.pay("withdraw", 400, account_id=account["id"], amount="1.00")
    assert "This account is frozen" in ada.visitor.get(f"/accounts/{account['id']}").text
    assert employee.submit(path, reason="Card was found").status_code == 303
    ada.pay("withdraw", account_id=account["id"], amount="1.00")


def test_staff_find_no_button_to_freeze_or_reverse_what_is_their_own(suite: Suite) -> None:
    person = suite.person("boss")
    suite.call("auth", "PUT", f"/api/auth/users/{person.user_id}", suite.admin(), json={"role": "admin"})
    boss = customer(suite, "boss", suite.log_in("boss", PASSWORD))
    own = boss.open("5.00")
    made = boss.pay("withdraw", account_id=own["id"], amount="1.00")["transaction"]
    page = boss.visitor.get(f"/admin/accounts/{own['id']}")
    assert "A colleague has to freeze or unfreeze it." in page.text
    assert not [form for form in forms_of(page) if "reason" in form.fields]
    assert "/reverse" not in boss.visitor.get(f"/transactions/{made['id']}").text
    refused = boss.visitor.submit(f"/admin/transactions/{made['id']}/reverse")
    assert refused.status_code == 403
    assert "A colleague has to reverse it." in refused.text


def test_a_customer_is_looked_for_and_given_an_account(admin: Visitor, ada: Customer) -> None:
    page = admin.get("/admin/accounts/create?q=ada")
    path = f"/admin/accounts/create?user_id={ada.person.user_id}"
    assert path in page.text
    answer = admin.submit(path, account_type="savings", nickname="Gift")
    assert answer.status_code == 303
    assert "Gift is open." in admin.get(answer.headers["Location"]).text
    assert "Gift" in ada.visitor.get("/accounts").text


def test_employees_open_another_account_from_one_they_know(
    employee: Visitor, ada: Customer, account: dict[str, Any]
) -> None:
    assert "Find an account" in employee.get("/admin/accounts/create").text
    path = f"/admin/accounts/create?user_id={ada.person.user_id}"
    assert path in employee.get(f"/admin/accounts/{account['id']}").text
    assert employee.submit(path, account_type="fixed_deposit").status_code == 303


def test_nobody_gets_no_account(admin: Visitor, employee: Visitor) -> None:
    path = f"/admin/accounts/create?user_id={uuid4()}"
    assert admin.get(path).status_code == 404
    page = employee.submit(path, account_type="savings")
    assert page.status_code == 400
    assert "alert-danger" in page.text
    assert admin.get("/admin/accounts/create?user_id=abc").status_code == 400


def test_transactions_of_all_are_shown_and_filtered(employee: Visitor, ada: Customer, account: dict[str, Any]) -> None:
    ada.pay("withdraw", account_id=account["id"], amount="3.33", description="Needle")
    page = employee.get("/admin/transactions?q=Needle")
    assert page.status_code == 200
    assert "$3.33" in page.text
    assert f"{MINUS}$3.33" not in page.text
    assert "Nothing fits" in employee.get("/admin/transactions?q=Haystack").text


def test_a_transaction_is_reversed_once_after_a_confirmation(
    admin: Visitor, ada: Customer, account: dict[str, Any]
) -> None:
    made = ada.pay("withdraw", account_id=account["id"], amount="40.00", description="Mistake")["transaction"]
    path = f"/admin/transactions/{made['id']}/reverse"
    assert path in admin.get(f"/transactions/{made['id']}").text
    page = admin.get(path)
    assert "Confirm reversal</button>" in page.text
    fields = next(form.fields for form in forms_of(page) if "idempotency_key" in form.fields)
    first, second = (admin.post(path, fields) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"] == second.headers["Location"]
    assert "The transaction is reversed." in admin.get(first.headers["Location"]).text
    assert ada.balance(account) == "100.00"
    page = admin.submit(path)
    assert page.status_code == 400
    assert "has been reversed already" in page.text
    assert "+$40.00" in ada.visitor.get(f"/accounts/{account['id']}?type=reversal").text


def test_employees_can_not_reverse(employee: Visitor, ada: Customer, account: dict[str, Any]) -> None:
    made = ada.pay("withdraw", account_id=account["id"], amount="1.00")["transaction"]
    assert "reverse" not in employee.get(f"/transactions/{made['id']}").text
    assert employee.get(f"/admin/transactions/{made['id']}/reverse").status_code == 403
