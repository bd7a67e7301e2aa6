"""Receipts over the real services: what they say, to whom, and of which payments."""

import io
from typing import Any

import pytest
from pypdf import PdfReader
from werkzeug.test import TestResponse

from tests.reporting.documents.pdf_ua import faults_of
from tests.support.suite import Person, Suite


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    ada = bank.person()
    name(ada, "Ada Παπαδοπούλου")
    return ada


@pytest.fixture(scope="module")
def bob(bank: Suite) -> Person:
    bob = bank.person()
    name(bob, "Boris Щербаковский")
    return bob


@pytest.fixture(scope="module")
def payment(ada: Person, bob: Person) -> dict[str, Any]:
    """Ada's payment to Bob, with the numbers of both accounts."""
    source, target = ada.open("100.00"), bob.open()
    body = {"from_account_id": source["id"], "to_account_number": target["account_number"], "amount": "12.50"}
    transaction = ada.pay("transfer", **body, description="Аренда, Ενοίκιο & rent")["transaction"]
    return {**transaction, "from": source["account_number"], "to": target["account_number"]}


def name(person: Person, full_name: str) -> None:
    answer = person.bank.call("auth", "PUT", "/api/auth/users/profile", person, json={"full_name": full_name})
    assert answer.status_code == 200


def get(person: Person, transaction_id: str, **query: str) -> TestResponse:
    return person.bank.call("gateway", "GET", f"/api/reports/receipt/{transaction_id}", person, query_string=query)


def text_of(document: bytes) -> str:
    (page,) = PdfReader(io.BytesIO(document)).pages
    return page.extract_text()


def test_a_receipt_names_both_sides_the_amount_and_the_reference(ada: Person, payment: dict[str, Any]) -> None:
    answer = get(ada, payment["id"], tz="Europe/Athens")
    assert (answer.status_code, answer.content_type) == (200, "application/pdf")
    assert payment["id"] in answer.headers["Content-Disposition"]
    text = text_of(answer.data)
    for words in (
        *("Northwater Bank", "1 Harbour Street", "USD 12.50", "Completed", "Europe/Athens", payment["id"]),
        *("Ada Παπαδοπούλου", "Boris Щ.", "Аренда, Ενοίκιο & rent"),
        *(f"Account ••••{payment['from'][-4:]}", f"Account ••••{payment['to'][-4:]}"),
    ):
        assert words in text
    assert payment["from"] not in text
    assert faults_of(answer.data) == []
    assert get(ada, payment["id"], tz="Europe/Athens").data == answer.data


def test_each_side_reads_the_other_name_masked(bob: Person, payment: dict[str, Any]) -> None:
    text = text_of(get(bob, payment["id"]).data)
    assert "Boris Щербаковский" in text
    assert "Ada Π." in text
    assert "Παπαδοπούλου" not in text


def test_staff_read_both_names(bank: Suite, payment: dict[str, Any]) -> None:
    answer = bank.call("reporting", "GET", f"/api/reports/receipt/{payment['id']}", bank.admin())
    assert "Ada Παπαδοπούλου" in text_of(answer.data)
    assert "Boris Щербаковский" in text_of(answer.data)


def test_an_employee_who_may_not_read_customers_reads_the_other_name_masked(bank: Suite, bob: Person) -> None:
    employee = bank.employee(permissions=("cases:answer",))
    source, target = employee.open("5.00"), bob.open()
    body = {"from_account_id": source["id"], "to_account_number": target["account_number"], "amount": "1.00"}
    text = text_of(get(employee, employee.pay("transfer", **body)["transaction"]["id"]).data)
    assert ("Boris Щ." in text, "Щербаковский" in text) == (True, False)


def test_a_deposit_comes_from_the_bank(ada: Person) -> None:
    deposit = ada.transactions()[-1]
    text = text_of(get(ada, deposit["id"]).data)
    assert "Northwater Bank\nTo" in text.replace("From\n", "")


def test_a_reversed_payment_is_no_proof(bank: Suite, ada: Person) -> None:
    account = ada.open()
    deposit = ada.pay("deposit", account_id=account["id"], amount="3.00")["transaction"]
    answer = bank.call("transaction", "POST", f"/api/transactions/reverse/{deposit['id']}", bank.admin())
    assert answer.status_code == 201
    text = text_of(get(ada, deposit["id"]).data)
    assert "This is no proof of payment" in text
    assert str((answer.json or {})["transaction"]["id"]) in text


def test_there_is_no_receipt_of_what_did_not_happen(bank: Suite, ada: Person) -> None:
    account = ada.open()
    ada.pay("withdraw", 400, account_id=account["id"], amount="1.00")
    failed = next(row for row in ada.transactions() if row["status"] == "failed")
    answer = get(ada, failed["id"])
    assert (answer.status_code, (answer.json or {})["error_code"]) == (400, "NOT_COMPLETED")
    assert get(ada, "6f1c2b1e-8a53-4a0e-9d57-0c1d2e3f4a5b").status_code == 404
    assert get(ada, failed["id"], tz="Mars").status_code == 400
    assert get(bank.person(), failed["id"]).status_code == 404


def test_the_page_of_a_receipt_offers_the_document(ada: Person, payment: dict[str, Any]) -> None:
    page = ada.visitor.get(f"/transactions/{payment['id']}/receipt")
    assert f'href="/transactions/{payment["id"]}/receipt.pdf"' in page.text
    document = ada.visitor.get(f"/transactions/{payment['id']}/receipt.pdf")
    assert (document.status_code, document.content_type) == (200, "application/pdf")
    assert payment["id"] in text_of(document.data)
