"""Reversals that wait for a second admin, on the pages."""

import html
import re

import pytest

from tests.support.suite import BankOptions, Person, Suite
from tests.support.visitor import Visitor, forms_of

WAITS = "Waits for a second person</h2>"


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(variables={"APPROVAL_REQUIRED": "1", "APPROVAL_AMOUNT": "100"})


@pytest.fixture(scope="module")
def first(bank: Suite) -> Visitor:
    return bank.admin().visitor


@pytest.fixture(scope="module")
def second(bank: Suite) -> Visitor:
    return bank.promote(bank.person("second"), "admin").visitor


def ask(first: Visitor, ada: Person, description: str) -> str:
    """Ask for the reversal of a withdrawal of 40.00 from 100.00, and return the path of the request."""
    account = ada.open("100.00")
    made = ada.pay("withdraw", account_id=account["id"], amount="40.00", description=description)["transaction"]
    asked = first.submit(f"/admin/transactions/{made['id']}/reverse", reason="Paid twice")
    assert (asked.status_code, asked.headers["Location"]) == (303, "/admin/approvals")
    page = first.get("/admin/approvals?status=pending")
    assert description in page.text
    action = next(form.action for form in forms_of(page) if "/reject" in form.action)
    return action.partition("/reject")[0]


def reader_of_customers(bank: Suite) -> Person:
    """Return an employee who may read customers and nothing else; a second admin approves that."""
    return bank.employee(permissions=("customers:read",), second=bank.log_in("second"))


def shown(visitor: Visitor, path: str) -> list[tuple[str, str, str]]:
    """Return what each request on the page of a record asks for, why, and the link beside it. Each names its end."""
    section = visitor.get(path).text.partition(WAITS)[2].partition("</section>")[0]
    assert section.count("Asked by") == section.count("Expires <time")
    rows = re.findall(r"<strong>(.+?)</strong>.*?<br>(.*?)<br>.*?(?:<a [^>]+>(.+?)</a>)?\s*</li>", section, re.DOTALL)
    return [(what, why, link) for what, why, link in rows]


def actions(visitor: Visitor) -> list[str]:
    return [form.action for form in forms_of(visitor.get("/admin/approvals"))]


def test_what_one_admin_asks_for_another_one_approves(first: Visitor, second: Visitor, ada: Person) -> None:
    path = ask(first, ada, "Mistake")
    assert "You have asked for this." in first.get("/admin/approvals").text
    original = ada.transactions()[0]["id"]
    assert shown(first, f"/admin/transactions/{original}") == [("Reversal", "Paid twice", "Take back")]
    assert shown(second, f"/admin/transactions/{original}") == [("Reversal", "Paid twice", "Decide")]
    assert WAITS not in ada.visitor.get(f"/transactions/{original}").text
    decide = re.search(r'href="([^"]+)">Decide', second.get(f"/admin/transactions/{original}").text)
    assert decide
    found = [form.action.partition("?")[0] for form in forms_of(second.get(html.unescape(decide[1])))]
    assert [action for action in found if "/approvals/" in action] == [f"{path}/approve", f"{path}/reject"]
    assert f"{path}/approve" not in actions(first)
    done = second.submit("/admin/approvals", action=f"{path}/approve")
    assert done.status_code == 303
    assert "Approved: the money has moved." in second.get(done.headers["Location"]).text
    assert "approved by second" in first.get("/admin/approvals?status=approved").text
    assert WAITS not in second.get(f"/admin/transactions/{original}").text
    assert "Reversal: Mistake (Paid twice)" in ada.visitor.get("/transactions?type=reversal").text
    assert "+$40.00" in ada.visitor.get("/transactions?type=reversal").text


def test_a_request_is_rejected_with_a_reason(first: Visitor, second: Visitor, ada: Person) -> None:
    path = ask(first, ada, "Regret")
    refused = second.submit("/admin/approvals", action=f"{path}/reject", reason="")
    assert refused.status_code == 400
    assert "Enter the reason." in refused.text
    assert second.submit("/admin/approvals", action=f"{path}/reject", reason="She agrees").status_code == 303
    page = first.get("/admin/approvals?status=rejected")
    assert "Rejected because: She agrees" in page.text
    assert f"{path}/approve" not in actions(second)


def test_a_decided_request_says_so(first: Visitor, second: Visitor, ada: Person) -> None:
    path = ask(first, ada, "Late")
    fields = next(form.fields for form in forms_of(second.get("/admin/approvals")) if form.action == f"{path}/approve")
    assert first.submit("/admin/approvals", action=f"{path}/reject", reason="Mine").status_code == 303
    answer = second.post(f"{path}/approve", fields)
    assert answer.status_code == 400
    assert "has been decided already" in answer.text


def test_customers_have_no_approvals(ada: Person) -> None:
    assert ada.visitor.get("/admin/approvals").status_code == 403


def test_requests_are_shown_on_the_pages_of_the_account_and_the_customer(
    bank: Suite, first: Visitor, second: Visitor, ada: Person
) -> None:
    frozen, empty, full = ada.open(), ada.open(), ada.open("500.00")
    customer = f"/admin/customers/{ada.user_id}"
    assert first.submit(f"/admin/accounts/{frozen['id']}", reason="Odd").status_code == 303
    first.submit(f"/admin/accounts/{frozen['id']}", reason="All is well")
    closing = f"{customer}/accounts/{empty['id']}/close"
    assert first.submit(customer, action=closing, reason="Moves away").status_code == 303
    admin = bank.admin()
    bank.call("transaction", "POST", "/api/transactions/tills", admin, json={"float": "900"})
    cash = {"account_id": full["id"], "amount": "101", "description": "A car"}
    assert bank.call("transaction", "POST", "/api/transactions/counter/withdraw", admin, json=cash).status_code == 202
    lift, close, pay = (
        ("Lift a freeze", "All is well", "Decide"),
        ("Close an account", "Moves away", "Decide"),
        ("Cash withdrawal", "A car", "Decide"),
    )
    assert shown(second, customer) == [pay, close, lift]
    for account, one in ((frozen, lift), (empty, close), (full, pay)):
        assert shown(second, f"/admin/accounts/{account['id']}") == [one]
        assert shown(first, f"/admin/accounts/{account['id']}") == [(*one[:2], "Take back")]
    change = {"role": "employee", "reason": "Joins us"}
    bank.call("auth", "PUT", f"/api/auth/users/{ada.user_id}", admin, json=change)
    role = ("Change of role", "Joins us", "Decide")
    assert shown(second, customer)[0] == shown(second, f"/admin/users/{ada.user_id}")[0] == role
    assert shown(reader_of_customers(bank).visitor, customer) == [(*one[:2], "") for one in (role, close, lift)]


def test_one_list_has_requests_of_all_kinds_newest_first(
    bank: Suite, first: Visitor, second: Visitor, ada: Person
) -> None:
    ask(first, ada, "Oldest")
    account = ada.open()
    path = f"/admin/accounts/{account['id']}"
    assert first.submit(path, reason="Odd").status_code == 303
    asked = first.submit(path, reason="All is well")
    assert asked.headers["Location"] == "/admin/approvals"
    person = bank.person("newcomer")
    call = bank.call("auth", "PUT", f"/api/auth/users/{person.user_id}", bank.admin(), json={"role": "employee"})
    assert call.status_code == 202
    page = second.get("/admin/approvals?status=pending")
    places = [page.text.index(text) for text in ("newcomer", "Lift a freeze", "Oldest")]
    assert places == sorted(places)
    only = second.get("/admin/approvals?status=pending&kind=accounts").text
    assert "Lift a freeze" in only
    assert "newcomer" not in only
    for kind, message in (("people", "Approved: the change is made."), ("accounts", "Approved: the change is made.")):
        listed = f"/admin/approvals?status=pending&kind={kind}"
        action = next(form.action for form in forms_of(second.get(listed)) if "/approve" in form.action)
        done = second.submit(listed, action=action)
        assert done.status_code == 303
        assert message in second.get(done.headers["Location"]).text
    assert bank.log_in("newcomer").username == "newcomer"
    assert "Active" in ada.visitor.get(f"/accounts/{account['id']}").text


def test_the_pages_of_the_list_show_each_request_once(bank: Suite, first: Visitor, second: Visitor) -> None:
    names = [f"wish-{letter}" for letter in "abcdefghijklmnopqrstuvwxyzäö" if letter.isascii()]
    for name in names:
        path = f"/api/auth/users/{bank.person(name).user_id}"
        assert bank.call("auth", "PUT", path, bank.admin(), json={"role": "employee"}).status_code == 202
    seen, path = [], "/admin/approvals?status=pending"
    while path:
        page = second.get(path).text
        seen += re.findall(r">(wish-[a-z])<", page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        path = html.unescape(older[1]) if older else ""
    assert seen == names[::-1]


def test_an_unknown_kind_is_not_found(second: Visitor) -> None:
    fields = next(form.fields for form in forms_of(second.get("/admin/approvals")) if "csrf_token" in form.fields)
    token = {"csrf_token": fields["csrf_token"]}
    answer = second.post("/admin/approvals/other/00000000-0000-4000-8000-000000000000/approve", token)
    assert answer.status_code == 404
