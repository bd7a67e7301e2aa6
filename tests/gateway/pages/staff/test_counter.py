"""The pages of the counter: open a till, find a customer, take in and pay out cash, count."""

import re

import pytest

from tests.support.suite import PASSWORD, BankOptions, Person, Suite
from tests.support.visitor import Visitor


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(variables={"APPROVAL_AMOUNT": "500"})


@pytest.fixture
def teller(bank: Suite) -> Visitor:
    """Return the browser of a new employee."""
    return bank.employee().visitor


@pytest.fixture(scope="module")
def clara(bank: Suite) -> Person:
    person = bank.person("clara.counter")
    bank.call("auth", "PUT", "/api/auth/users/profile", person, json={"full_name": "Clara Counter"})
    return person


@pytest.fixture(scope="module")
def account(clara: Person) -> str:
    return str(clara.open()["id"])


def open_till(teller: Visitor, opening_cash: str = "100.00") -> None:
    assert "Open your till" in teller.get("/admin/counter").text
    assert teller.submit("/admin/counter", **{"float": opening_cash}).status_code == 303


def book(teller: Visitor, account: str, kind: str, amount: str) -> str:
    """Enter and confirm a booking, and return the page after it."""
    entered = teller.submit(f"/admin/counter/{account}/{kind}", amount=amount)
    assert entered.status_code == 303, entered.text
    booked = teller.submit(entered.headers["Location"], confirmed="1")
    return str(teller.get(booked.headers["Location"]).text if booked.status_code == 303 else booked.text)


def test_a_customer_is_found_by_name_and_by_number(bank: Suite, teller: Visitor, clara: Person, account: str) -> None:
    open_till(teller)
    number = bank.call("account", "GET", f"/api/accounts/details/{account}", clara).get_json()["account"][
        "account_number"
    ]
    for typed in ("Clara Coun", number, number[-4:]):
        page = teller.get("/admin/counter", query_string={"q": typed}).text
        assert "Clara Counter" in page
        assert f"/admin/counter/{account}/deposit" in page
    assert "No matches" in teller.get("/admin/counter?q=Nobody+of+that+name").text


def test_cash_is_taken_in_after_a_look_at_whose_account_it_is(teller: Visitor, account: str) -> None:
    open_till(teller)
    entered = teller.submit(f"/admin/counter/{account}/deposit", amount="25")
    review = teller.get(entered.headers["Location"]).text
    assert "Clara Counter" in review
    assert "$125.00" in review  # the till afterwards
    receipt = teller.submit(entered.headers["Location"], confirmed="1")
    assert "/receipt?back=/admin/counter" in receipt.headers["Location"]
    again = teller.submit(entered.headers["Location"], confirmed="1")
    assert again.headers["Location"] == receipt.headers["Location"]  # the same booking
    page = teller.get(receipt.headers["Location"]).text
    assert "Cash paid in at the counter" in page
    assert "$125.00" in teller.get("/admin/counter").text


def test_too_large_a_withdrawal_is_explained_beside_the_amount(teller: Visitor, account: str) -> None:
    open_till(teller, "1000")
    book(teller, account, "deposit", "50")
    refused = book(teller, account, "withdraw", "400")
    assert "There is not enough money in the account." in refused
    assert "Confirm withdrawal" not in refused


def test_a_large_withdrawal_is_approved_on_the_page_of_a_colleague(
    bank: Suite, teller: Visitor, account: str, clara: Person
) -> None:
    open_till(teller, "900")
    body = {"account_id": account, "amount": "600"}
    bank.call("transaction", "POST", "/api/transactions/deposit", clara, json=body)
    before, message, _ = book(teller, account, "withdraw", "600").partition("A colleague has to approve")
    assert message
    assert before.rpartition('class="alert ')[2].startswith("alert-warning")
    assert "Pending" in teller.get("/admin/counter").text
    colleague = bank.admin().visitor
    page = colleague.get("/admin/approvals").text
    assert "Cash withdrawal" in page
    found = re.search(r"/admin/approvals/payments/[0-9a-f-]+/approve", page)
    assert found
    assert colleague.submit("/admin/approvals", action=found[0]).status_code == 303
    assert "$300.00" in teller.get("/admin/counter").text
    assert "Completed" in teller.get("/admin/counter").text


def test_a_till_is_counted_and_closed_with_its_difference(teller: Visitor, account: str) -> None:
    open_till(teller)
    book(teller, account, "deposit", "10")
    page = teller.get("/admin/counter").text
    found = re.search(r"/admin/counter/tills/[0-9a-f-]+/close", page)
    assert found
    counted = teller.submit(found[0], counted="109.50")
    assert "The till is short." in teller.get(counted.headers["Location"]).text
    closed = teller.submit(counted.headers["Location"], confirmed="1")
    shown = teller.get(closed.headers["Location"]).text
    assert "$109.50" in shown
    assert "Cash short" in shown
    assert "Open your till" in teller.get("/admin/counter").text
    assert teller.get(found[0]).status_code == 303


def test_an_entry_of_somebody_else_or_of_another_page_is_not_read(teller: Visitor, account: str, bank: Suite) -> None:
    open_till(teller)
    entered = teller.submit(f"/admin/counter/{account}/deposit", amount="25").headers["Location"]
    other_page = teller.get(entered.replace("/deposit", "/withdraw")).text
    assert "Confirm withdrawal" not in other_page
    admin = bank.admin().visitor
    assert "Confirm deposit" not in admin.get(entered).text


def test_customers_have_no_counter(bank: Suite, clara: Person, account: str) -> None:
    browser = bank.visitor()
    browser.log_in(clara.username, PASSWORD)
    for path in ("/admin/counter", f"/admin/counter/{account}/deposit"):
        assert browser.get(path).status_code == 403
