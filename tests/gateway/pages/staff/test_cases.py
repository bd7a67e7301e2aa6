"""Employees answer the disputes and questions of customers."""

from urllib.parse import urlsplit

import pytest

from tests.support.suite import Person, Suite
from tests.support.visitor import Visitor


@pytest.fixture(scope="module")
def employee(bank: Suite) -> Visitor:
    person = bank.person("clerk")
    changes = {"full_name": "Ben Okafor"}
    bank.call("auth", "PUT", "/api/auth/users/profile", person, json=changes)
    return bank.promote(person).visitor
    visitor = bank.visitor()
    assert visitor.log_in("clerk").status_code == 303
    return visitor


@pytest.fixture
def clara(bank: Suite) -> Person:
    return bank.person()


def dispute(clara: Person) -> tuple[str, str]:
    """Make a payment and dispute it. Return the ids of the payment and of the case."""
    account = clara.open("20.00")
    made = clara.pay("withdraw", account_id=account["id"], amount="7.50", description="Casino Royale")
    payment = str(made["transaction"]["id"])
    body = {"kind": "dispute", "subject": "Not mine", "text": "I was never there.", "transaction_id": payment}
    answer = clara.bank.call("auth", "POST", "/api/auth/cases", clara, json=body)
    return payment, str(answer.get_json()["case"]["id"])


def test_a_dispute_is_answered_and_closed_and_the_customer_sees_by_whom(employee: Visitor, clara: Person) -> None:
    _, case = dispute(clara)
    place = f"/admin/cases/{case}"
    assert place in employee.get("/admin/cases?state=open").text
    assert place in employee.get(f"/admin/customers/{clara.user_id}").text
    page = employee.get(place).text
    for words in ("Not mine", "I was never there.", "Casino Royale", "$7.50", f"/admin/customers/{clara.user_id}"):
        assert words in page
    answer = employee.submit(place, text="We look into it.")
    assert (answer.status_code, urlsplit(answer.headers["Location"]).path) == (303, place)
    answer = employee.submit(place, action=f"{place}/close", reason="The shop has confirmed it")
    assert answer.status_code == 303
    seen = clara.visitor.get(f"/messages/{case}").text
    for words in ("We look into it.", "The shop has confirmed it", "Ben Okafor", "Closed"):
        assert words in seen


def test_a_reversal_is_one_click_away_for_admins(bank: Suite, employee: Visitor, clara: Person) -> None:
    payment, case = dispute(clara)
    reverse = f"/admin/transactions/{payment}/reverse"
    assert reverse not in employee.get(f"/admin/cases/{case}").text
    admin = bank.admin().visitor
    assert reverse in admin.get(f"/admin/cases/{case}").text
    assert admin.get(reverse).status_code == 200
    assert admin.submit(reverse).status_code == 303
    page = admin.get(f"/admin/cases/{case}").text
    assert reverse not in page
    assert "Reversed" in page


def test_mistakes_stay_in_their_form(employee: Visitor, clara: Person) -> None:
    _, case = dispute(clara)
    place = f"/admin/cases/{case}"
    answered = employee.submit(place, text="")
    assert (answered.status_code, "Write the answer." in answered.text) == (400, True)
    closed = employee.submit(place, action=f"{place}/close", reason="")
    assert (closed.status_code, "Enter the reason." in closed.text) == (400, True)


def test_without_the_permission_there_are_no_messages_anywhere(bank: Suite, clara: Person) -> None:
    _, case = dispute(clara)
    visitor = bank.employee(permissions=("customers:read",)).visitor
    assert visitor.get("/admin/cases").status_code == 403
    assert visitor.get(f"/admin/cases/{case}").status_code == 403
    assert "/admin/cases" not in visitor.get(f"/admin/customers/{clara.user_id}").text


def test_each_side_is_led_to_its_own_page(employee: Visitor, clara: Person) -> None:
    _, case = dispute(clara)
    answer = employee.get(f"/messages/{case}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/admin/cases/{case}")
    assert clara.visitor.get(f"/admin/cases/{case}").status_code == 403
    sent = employee.submit("/messages/new", subject="My own", text="Hello?")
    own = urlsplit(sent.headers["Location"]).path
    answer = employee.get(own.replace("/messages/", "/admin/cases/"))
    assert (answer.status_code, answer.headers["Location"]) == (303, own)
