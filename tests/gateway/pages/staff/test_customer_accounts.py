"""Staff pages for customers' accounts and transactions."""

import re
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from shared.core.formats import MINUS
from tests.support.suite import Person, Suite
from tests.support.visitor import Visitor, form_with, forms_of

DASH = "\N{EN DASH}"


@pytest.fixture(scope="module")
def employee(bank: Suite) -> Visitor:
    return bank.employee("clerk").visitor


@pytest.fixture
def account(ada: Person) -> dict[str, Any]:
    return ada.open("100.00", nickname="Everyday")


def test_accounts_are_found_by_the_end_of_their_number(employee: Visitor, account: dict[str, Any]) -> None:
    page = employee.get(f"/admin/accounts?q={account['account_number'][-4:]}&status=active")
    assert page.status_code == 200
    assert f"/admin/accounts/{account['id']}" in page.text
    assert account["account_number"] not in page.text
    assert "No matches" in employee.get(f"/admin/accounts?q={account['account_number'][-4:]}&status=closed").text
    assert employee.get("/admin/accounts?q=abc").status_code == 400
    assert employee.get("/admin/accounts?user_id=abc").status_code == 400


def test_accounts_are_filtered_by_customer(admin: Visitor, ada: Person, account: dict[str, Any], bank: Suite) -> None:
    other = bank.person().open()
    page = admin.get(f"/admin/accounts?user_id={ada.user_id}").text
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


def test_a_customers_account_link_redirects_staff_to_their_view(employee: Visitor, account: dict[str, Any]) -> None:
    answer = employee.get(f"/accounts/{account['id']}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/admin/accounts/{account['id']}")


def test_an_account_is_frozen_and_unfrozen_with_a_reason(
    employee: Visitor, ada: Person, account: dict[str, Any]
) -> None:
    path = f"/admin/accounts/{account['id']}"
    page = employee.submit(path, reason="")
    assert page.status_code == 400
    assert "Enter the reason." in page.text
    answer = employee.submit(path, reason="Card was stolen")
    assert answer.status_code == 303
    page = employee.get(path)
    assert "The account is now frozen." in page.text
    assert form_with(page, status="active")
    ada.pay("withdraw", 400, account_id=account["id"], amount="1.00")
    assert "This account is frozen" in ada.visitor.get(f"/accounts/{account['id']}").text
    assert employee.submit(path, reason="Card was found").status_code == 303
    ada.pay("withdraw", account_id=account["id"], amount="1.00")


def test_staff_can_not_freeze_or_reverse_their_own(bank: Suite) -> None:
    boss = bank.promote(bank.person("boss"), "admin")
    own = boss.open("5.00")
    made = boss.pay("withdraw", account_id=own["id"], amount="1.00")["transaction"]
    page = boss.visitor.get(f"/admin/accounts/{own['id']}")
    assert "A colleague has to freeze or unfreeze it." in page.text
    assert not [form for form in forms_of(page) if "reason" in form.fields]
    assert "/reverse" not in boss.visitor.get(f"/transactions/{made['id']}").text
    page = boss.visitor.get(f"/admin/transactions/{made['id']}/reverse")
    assert "A colleague has to reverse it." in page.text
    assert not [form for form in forms_of(page) if "idempotency_key" in form.fields]


def test_an_account_is_opened_for_a_customer_found_by_search(admin: Visitor, ada: Person) -> None:
    page = admin.get("/admin/accounts/create?q=ada")
    path = f"/admin/accounts/create?user_id={ada.user_id}"
    assert path in page.text
    answer = admin.submit(path, account_type="savings", nickname="Gift")
    assert answer.status_code == 303
    assert "Gift is open." in admin.get(answer.headers["Location"]).text
    assert "Gift" in ada.visitor.get("/accounts").text


def test_an_employee_opens_another_account_from_a_customers_account(
    employee: Visitor, ada: Person, account: dict[str, Any]
) -> None:
    assert 'href="/admin/accounts"' in employee.get("/admin/accounts/create").text
    path = f"/admin/accounts/create?user_id={ada.user_id}"
    assert path in employee.get(f"/admin/accounts/{account['id']}").text
    assert employee.submit(path, account_type="fixed_deposit").status_code == 303


def test_an_account_can_not_be_opened_for_an_unknown_customer(admin: Visitor, employee: Visitor) -> None:
    for visitor in (admin, employee):
        assert visitor.get(f"/admin/accounts/create?user_id={uuid4()}").status_code == 404
        assert visitor.get("/admin/accounts/create?user_id=abc").status_code == 400


def test_all_transactions_are_listed_and_filtered(employee: Visitor, ada: Person, account: dict[str, Any]) -> None:
    ada.pay("withdraw", account_id=account["id"], amount="3.33", description="Needle")
    page = employee.get("/admin/transactions?q=Needle")
    assert page.status_code == 200
    assert "$3.33" in page.text
    assert f"{MINUS}$3.33" not in page.text
    assert "No matches" in employee.get("/admin/transactions?q=Haystack").text


def test_a_transaction_is_reversed_once_after_a_confirmation(
    admin: Visitor, ada: Person, account: dict[str, Any]
) -> None:
    made = ada.pay("withdraw", account_id=account["id"], amount="40.00", description="Mistake")["transaction"]
    path = f"/admin/transactions/{made['id']}/reverse"
    assert path in admin.get(f"/admin/transactions/{made['id']}").text
    page = admin.get(path)
    assert "Confirm reversal</button>" in page.text
    fields = next(form.fields for form in forms_of(page) if "idempotency_key" in form.fields)
    first, second = (admin.post(path, fields) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"] == second.headers["Location"]
    assert "The transaction is reversed." in admin.get(first.headers["Location"]).text
    assert ada.balance(account["id"]) == "100.00"
    again = {**fields, "idempotency_key": "another"}
    for page, status in ((admin.get(path), 200), (admin.post(path, again), 400)):
        assert page.status_code == status
        assert "has been reversed already" in page.text
        assert "Confirm reversal</button>" not in page.text
    assert "+$40.00" in ada.visitor.get(f"/accounts/{account['id']}?type=reversal").text


def test_employees_can_not_reverse(employee: Visitor, ada: Person, account: dict[str, Any]) -> None:
    made = ada.pay("withdraw", account_id=account["id"], amount="1.00")["transaction"]
    assert "/reverse" not in employee.get(f"/admin/transactions/{made['id']}").text
    assert employee.get(f"/admin/transactions/{made['id']}/reverse").status_code == 403


def test_a_reversed_transaction_and_its_reversal_link_to_each_other(
    admin: Visitor, ada: Person, account: dict[str, Any], bank: Suite
) -> None:
    made = ada.pay("withdraw", account_id=account["id"], amount="7.00", description="Twice")["transaction"]
    page = admin.submit(f"/admin/transactions/{made['id']}/reverse")
    reversal = page.headers["Location"].rpartition("/")[2]
    for visitor, section in ((ada.visitor, "/transactions"), (admin, "/admin/transactions")):
        original = visitor.get(f"{section}/{made['id']}").text
        assert "Reversed</span>" in original
        assert f'href="{section}/{reversal}"' in original
        assert "/reverse" not in original
        assert f'href="{section}/{made["id"]}"' in visitor.get(f"{section}/{reversal}").text
        assert f'href="{section}/{reversal}"' in visitor.get(f"{section}/{made['id']}/receipt").text
        assert "This is no proof of payment." in visitor.get(f"{section}/{made['id']}/receipt").text
    for visitor, path in (
        (ada.visitor, "/transactions"),
        (ada.visitor, "/dashboard"),
        (ada.visitor, f"/accounts/{account['id']}"),
        (admin, "/admin/transactions"),
        (admin, f"/admin/accounts/{account['id']}"),
    ):
        assert "Reversed</span>" in visitor.get(path).text


def test_a_reversal_that_failed_is_shown_to_staff_only(admin: Visitor, ada: Person, bank: Suite) -> None:
    account = ada.open("5.00")
    made = ada.transactions()[0]
    ada.pay("withdraw", account_id=account["id"], amount="5.00")
    assert admin.submit(f"/admin/transactions/{made['id']}/reverse").status_code == 400
    path = f"/accounts/{account['id']}"
    assert "Reversal" not in ada.visitor.get(path).text.split('id="results"')[1]
    assert "Failed" in admin.get(f"/admin{path}").text


def test_staff_pages_link_to_staff_pages(admin: Visitor, ada: Person, account: dict[str, Any]) -> None:
    made = ada.pay("withdraw", account_id=account["id"], amount="1.00", description="Stay here")["transaction"]
    listed = "/admin/transactions?q=Stay+here"
    link = re.search(r'href="(/admin/transactions/[0-9a-f-]{36}\?back=[^"]+)"', admin.get(listed).text)
    assert link
    page = admin.get(link[1]).text
    assert made["id"] in page
    assert f'class="back" href="{listed}"' in page
    assert '<a href="/admin/transactions" aria-current="page">Transactions</a>' in page
    reverse = re.search(r'href="(/admin/transactions/[^"]+/reverse\?[^"]+)"', page)
    assert reverse
    assert link[1] in admin.get(reverse[1]).text
    report = admin.get(f"/admin/reports/account/{account['id']}")
    assert report.status_code == 200
    assert 'href="/admin/transactions/' in report.text
    assert 'href="/transactions/' not in report.text + page


@pytest.mark.parametrize("path", ["/transactions/{transaction}", "/reports/account/{account}"])
def test_customers_links_redirect_staff_to_their_section(
    employee: Visitor, ada: Person, account: dict[str, Any], path: str
) -> None:
    made = ada.pay("withdraw", account_id=account["id"], amount="1.00")["transaction"]
    path = path.format(transaction=made["id"], account=account["id"])
    answer = employee.get(f"{path}?start_date=2026-01-01" if "reports" in path else path)
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (303, f"/admin{path}")


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/logout", "/transactions", "/adminx", "x"]
)
def test_the_back_link_leads_to_a_list_of_the_same_section(admin: Visitor, ada: Person, back: str) -> None:
    ada.open("1.00")
    page = admin.get(f"/admin/transactions/{ada.transactions()[0]['id']}?back={back}").text
    assert 'class="back" href="/admin/transactions"' in page


def test_the_list_of_an_account_shows_the_balance_after_each_transaction(admin: Visitor, bank: Suite) -> None:
    eve = bank.person()
    first, second = eve.open(), eve.open()
    for _ in range(30):
        eve.pay("deposit", account_id=first["id"], amount="1.00")
    eve.pay("transfer", from_account_id=first["id"], to_account_id=second["id"], amount="10.00")
    newest = eve.visitor.get(f"/accounts/{first['id']}").text
    older = eve.visitor.get(re.findall(r'rel="next" href="([^"]+)"', newest)[0]).text
    filtered = eve.visitor.get(f"/accounts/{first['id']}?type=transfer").text
    for page, balance in ((newest, "$20.00"), (older, "$1.00"), (filtered, "$20.00")):
        assert balance in page
        assert f"{DASH}</td>" not in page
    assert f"{DASH}</td>" not in admin.get(f"/admin/accounts/{first['id']}").text


def test_staff_see_the_customer_sections_only_with_an_account(bank: Suite) -> None:
    bank.employee("teller")
    visitor = bank.visitor()
    assert visitor.log_in("teller").headers["Location"] == "/admin"
    assert visitor.get("/login").headers["Location"] == "/admin"
    page = visitor.get("/admin").text
    assert 'href="/dashboard"' not in page
    assert 'href="/reports"' not in page
    assert 'href="/accounts/create"' in page
    visitor.submit("/accounts/create", account_type="checking")
    page = visitor.get("/admin").text
    assert 'href="/dashboard"' in page
    assert 'href="/reports"' in page


def test_staff_see_their_section_while_accounts_are_unavailable(bank: Suite, admin: Visitor) -> None:
    adapter = bank.adapters["account"]
    adapter.down = True
    try:
        page = admin.get("/admin/reports")
    finally:
        adapter.down = False
    assert page.status_code == 200
    assert 'href="/dashboard"' not in page.text


def test_opening_a_report_stores_nothing_until_it_is_saved(
    admin: Visitor, employee: Visitor, account: dict[str, Any], bank: Suite
) -> None:
    def stored() -> list[dict[str, Any]]:
        answer = bank.call("reporting", "GET", "/api/reports/all", bank.admin()).json
        assert answer is not None
        return list(answer["reports"])

    before = stored()
    path = f"/admin/reports/account/{account['id']}"
    for visitor, page in ((admin, "/admin"), (admin, "/admin/reports/system"), (employee, path), (admin, path)):
        assert visitor.get(page).status_code == 200
    assert stored() == before
    for visitor, page in ((admin, "/admin/reports/system"), (employee, path)):
        answer = save(visitor, page)
        assert answer.status_code == 303
        saved = visitor.get(answer.headers["Location"]).text
        assert "The report is saved." in saved
        assert "as it was on" in saved
        assert answer.headers["Location"] in visitor.get("/admin/reports").text
    assert len(stored()) == len(before) + 2
    assert employee.get("/admin/reports/system").status_code == 403


def save(visitor: Visitor, page: str) -> TestResponse:
    form = next(form for form in forms_of(visitor.get(page)) if form.action.startswith(f"{page}?start_date="))
    return visitor.post(form.action.replace("&amp;", "&"), form.fields)


def test_a_first_account_is_opened_from_the_list_of_users(admin: Visitor, bank: Suite) -> None:
    newcomer = bank.person()
    path = f"/admin/accounts/create?user_id={newcomer.user_id}"
    assert path in admin.get(f"/admin/users?q={newcomer.username}").text
    page = admin.get(path)
    assert newcomer.username in page.text
    answer = admin.submit(path, account_type="checking", nickname="First")
    assert answer.status_code == 303
    assert "First" in newcomer.visitor.get("/accounts").text


@pytest.mark.parametrize("by", ["username", "email"])
def test_an_employee_finds_a_customer_without_account_by_exact_name(employee: Visitor, bank: Suite, by: str) -> None:
    newcomer = bank.person()
    name = newcomer.username.upper()
    page = employee.get(f"/admin/accounts/create?who={name if by == 'username' else name + '@example.com'}")
    path = f"/admin/accounts/create?user_id={newcomer.user_id}"
    assert path in page.text
    assert newcomer.username in employee.get(path).text
    assert employee.submit(path, account_type="savings").status_code == 303
    assert "Savings" in newcomer.visitor.get("/accounts").text


def test_an_employee_can_not_list_users(employee: Visitor, bank: Suite) -> None:
    newcomer = bank.person()
    part = newcomer.username[:-1]
    page = employee.get(f"/admin/accounts/create?who={part}")
    assert page.status_code == 200
    assert "No matches" in page.text
    assert newcomer.user_id not in page.text
    assert employee.get("/admin/accounts/create?who=" + "x" * 101).status_code == 200


def test_the_status_history_shows_author_time_and_reason(
    employee: Visitor, admin: Visitor, ada: Person, account: dict[str, Any]
) -> None:
    path = f"/admin/accounts/{account['id']}"
    assert "Changes of status" not in admin.get(path).text
    employee.submit(path, reason="Card was stolen")
    admin.submit(path, reason="Card was found")
    for visitor in (employee, admin):
        page = visitor.get(path).text
        assert page.index("Unfrozen</strong>: Card was found") < page.index("Frozen</strong>: Card was stolen")
        assert "by clerk" in page
        assert "by admin" in page
    assert "Card was" not in ada.visitor.get(f"/accounts/{account['id']}").text


@pytest.fixture
def stranded(bank: Suite, ada: Person) -> tuple[str, str]:
    """The ids of a transfer of 40.00 and of its source account, which is closed now."""
    source = ada.open("40.00", nickname="Gone")
    target = bank.person().open()
    sent = ada.pay("transfer", from_account_id=source["id"], to_account_id=target["id"], amount="40.00")
    path = f"/api/accounts/close/{source['id']}"
    assert bank.call("account", "DELETE", path, ada).status_code == 200
    return sent["transaction"]["id"], source["id"]


def test_a_reversal_to_a_closed_account_offers_other_targets(
    admin: Visitor, ada: Person, stranded: tuple[str, str]
) -> None:
    other = ada.open(nickname="Other")
    path = f"/admin/transactions/{stranded[0]}/reverse"
    page = admin.get(path)
    assert "is closed" in page.text
    assert f'value="{other["id"]}"' in page.text
    assert f'value="{stranded[1]}"' not in page.text
    refused = admin.submit(path)
    assert refused.status_code == 400
    assert "Choose where the money goes." in refused.text
    answer = admin.submit(path, return_to=other["id"])
    assert answer.status_code == 303
    assert "The transaction is reversed." in admin.get(answer.headers["Location"]).text
    assert ada.balance(other["id"]) == "40.00"


def test_a_reversal_to_a_frozen_account_explains_the_options(
    admin: Visitor, ada: Person, account: dict[str, Any]
) -> None:
    made = ada.pay("withdraw", account_id=account["id"], amount="40.00")["transaction"]
    path = f"/admin/transactions/{made['id']}/reverse"
    assert "return_to" not in admin.get(path).text
    admin.submit(f"/admin/accounts/{account['id']}", reason="Card was stolen")
    page = admin.get(path).text
    assert "is frozen" in page
    assert f"/admin/accounts/{account['id']}" in page
    admin.submit(f"/admin/accounts/{account['id']}", reason="Card was found")
    assert admin.submit(path).status_code == 303
    assert ada.balance(account["id"]) == "100.00"


def test_money_in_suspense_is_listed_and_paid_out_once(
    admin: Visitor, employee: Visitor, ada: Person, stranded: tuple[str, str]
) -> None:
    answer = admin.submit(f"/admin/transactions/{stranded[0]}/reverse", return_to="suspense")
    assert answer.status_code == 303
    shown = admin.get(answer.headers["Location"]).text
    assert "the bank's suspense account" in shown.replace("&#39;", "'")
    held = answer.headers["Location"].partition("?")[0].rpartition("/")[2]
    path = f"/admin/suspense/{held}"
    assert path in admin.get("/admin/suspense?paid_out=false").text
    listed = employee.get("/admin/suspense")
    assert listed.status_code == 200
    assert "$40.00" in listed.text
    assert path not in listed.text
    assert employee.get(path).status_code == 403
    other = ada.open(nickname="Next")
    answer = admin.submit(path, to_account_id=other["id"])
    assert answer.status_code == 303
    assert "The money is paid out." in admin.get(answer.headers["Location"]).text
    assert ada.balance(other["id"]) == "40.00"
    again = admin.submit(path, to_account_id=other["id"])
    assert again.status_code == 400
    assert "has been paid out already" in again.text
    assert held in admin.get("/admin/suspense?paid_out=true").text
    assert "+$40.00" in ada.visitor.get(f"/accounts/{other['id']}").text
    assert admin.get(f"/admin/suspense/{uuid4()}").status_code == 404
    assert admin.get(f"/admin/suspense/{stranded[0]}").status_code == 404


def test_money_in_suspense_can_not_be_paid_out_without_an_active_account(bank: Suite, admin: Visitor) -> None:
    person = bank.person()
    account = person.open("5.00")
    drawn = person.pay("withdraw", account_id=account["id"], amount="5.00")["transaction"]
    bank.call("account", "DELETE", f"/api/accounts/close/{account['id']}", person)
    answer = admin.submit(f"/admin/transactions/{drawn['id']}/reverse", return_to="suspense")
    held = answer.headers["Location"].partition("?")[0].rpartition("/")[2]
    page = admin.get(f"/admin/suspense/{held}").text
    assert "Open one for them first." in page
    assert f"/admin/accounts/create?user_id={person.user_id}" in page
