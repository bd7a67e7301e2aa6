"""Staff find and help a customer on one page."""

import re
from uuid import uuid4

import pytest

from tests.support.suite import Person, Suite
from tests.support.visitor import Visitor, form_with, forms_of


@pytest.fixture(scope="module")
def employee(bank: Suite) -> Visitor:
    return bank.employee("clerk").visitor


@pytest.fixture(scope="module")
def clara(bank: Suite) -> Person:
    found = bank.person("clara.w")
    changes = {"full_name": "Clara Weiß", "phone": "+44 20 7946 0958"}
    bank.call("auth", "PUT", "/api/auth/users/profile", found, json=changes)
    return found


def page_of(one: Person) -> str:
    return f"/admin/customers/{one.user_id}"


@pytest.mark.parametrize("q", ["Clara", "weiss", "clara.w@", "7946 0958"])
def test_a_caller_is_found_by_any_part_of_what_they_are_called(employee: Visitor, clara: Person, q: str) -> None:
    page = employee.get(f"/admin/customers?q={q}")
    assert page.status_code == 200
    assert re.search(rf'href="{page_of(clara)}\?back=[^"]+">Clara Weiß</a>', page.text)
    assert "No matches" in employee.get(f"/admin/customers?q={q}xyz").text


def test_an_account_number_leads_to_its_owner(employee: Visitor, clara: Person) -> None:
    number = clara.open("5.00")["account_number"]
    for q in (number, number[-4:], f"{number[:5]} {number[5:]}"):
        page = employee.get(f"/admin/customers?q={q}")
        assert re.search(rf'href="{page_of(clara)}\?back=[^"]+">Clara Weiß</a>', page.text)
    assert employee.get("/admin/customers?status=x").status_code == 400


def test_one_page_shows_all_that_the_bank_knows_of_a_customer(employee: Visitor, clara: Person) -> None:
    account = clara.open("123.45", nickname="Holidays")
    page = employee.get(page_of(clara))
    assert page.status_code == 200
    for text in ("Clara Weiß", "clara.w@example.com", "+44 20 7946 0958", "Holidays", "$123.45", "+$123.45"):
        assert text in page.text
    assert account["account_number"] not in page.text
    assert employee.get(f"/admin/customers/{uuid4()}").status_code == 404
    assert clara.visitor.get(page_of(clara)).status_code == 403
    assert clara.visitor.get("/admin/customers").status_code == 403


def test_a_freeze_is_set_by_one_and_lifted_by_another_with_both_names(
    employee: Visitor, admin: Visitor, clara: Person
) -> None:
    account = clara.open("7.00", nickname="Frosty")
    path = f"{page_of(clara)}/accounts/{account['id']}"
    refused = employee.submit(page_of(clara), action=path, reason="")
    assert refused.status_code == 400
    assert "Enter the reason." in refused.text
    frozen = employee.submit(page_of(clara), action=path, reason="Card was stolen")
    assert (frozen.status_code, frozen.headers["Location"]) == (303, page_of(clara))
    page = admin.get(page_of(clara))
    assert "Card was stolen" in page.text
    assert "by clerk" in page.text
    assert admin.submit(page_of(clara), action=path, reason="Card was found").status_code == 303
    clara.pay("withdraw", account_id=account["id"], amount="1.00")
    assert "by admin" in employee.get(page_of(clara)).text


def test_contact_data_are_corrected_and_only_an_admin_sees_the_field_for_the_email_address(
    employee: Visitor, admin: Visitor, bank: Suite
) -> None:
    dora = bank.person()
    place = page_of(dora)
    form = next(form for form in forms_of(employee.get(place)) if form.action == f"{place}/contact")
    assert "email" not in form.fields
    done = employee.submit(place, action=f"{place}/contact", full_name="Dora Kent", phone="555 0199")
    assert done.status_code == 303
    assert "Dora Kent" in employee.get(place).text
    refused = employee.submit(place, action=f"{place}/contact", phone="call me")
    assert refused.status_code == 400
    assert 'value="call me"' in refused.text
    assert "Dora Kent" in refused.text
    answer = admin.submit(place, action=f"{place}/contact", email=f"{uuid4().hex}@example.com", phone="")
    assert answer.status_code == 303
    assert "555 0199" not in admin.get(place).text


def test_a_note_is_written_and_shown_to_colleagues(employee: Visitor, admin: Visitor, bank: Suite) -> None:
    dora = bank.person()
    place = page_of(dora)
    refused = employee.submit(place, action=f"{place}/notes", text="")
    assert refused.status_code == 400
    assert "Write the note." in refused.text
    assert employee.submit(place, action=f"{place}/notes", text="Called <b>twice</b>").status_code == 303
    assert "Called &lt;b&gt;twice&lt;/b&gt;" in admin.get(place).text


def test_a_customer_is_logged_out_everywhere_and_unlocked(employee: Visitor, bank: Suite) -> None:
    dora = bank.person()
    assert dora.visitor.get("/dashboard").status_code == 200
    place = page_of(dora)
    assert employee.submit(place, action=f"{place}/log_out").status_code == 303
    assert dora.visitor.get("/dashboard").status_code == 303
    for _ in range(5):
        bank.visitor().log_in(dora.username, "wrong")
    assert "Too many wrong passwords" in employee.get(place).text
    assert employee.submit(place, action=f"{place}/unlock").status_code == 303
    assert "Too many wrong passwords" not in employee.get(place).text


def test_a_payment_on_its_way_is_shown_first(employee: Visitor, bank: Suite) -> None:
    dora = bank.person()
    account = dora.open("9.00")
    assert "Payments on their way" not in employee.get(page_of(dora)).text
    bank.adapters["account"].down = True
    try:
        dora.pay("withdraw", 202, account_id=account["id"], amount="1.00")
        page = employee.get(page_of(dora))
    finally:
        bank.adapters["account"].down = False
    assert "Payments on their way" in page.text
    assert "The accounts are not available right now" in page.text


def test_the_list_of_accounts_names_their_owners(employee: Visitor, clara: Person) -> None:
    number = clara.open()["account_number"]
    assert "Clara Weiß" in employee.get(f"/admin/accounts?q={number}").text


def test_forms_belong_to_their_customer(employee: Visitor, clara: Person) -> None:
    fields = form_with(employee.get(page_of(clara)), full_name="Clara Weiß").fields
    assert fields["phone"] == "+44 20 7946 0958"


def test_the_customer_sees_why_and_by_whom_unless_staff_keep_it(employee: Visitor, clara: Person) -> None:
    account = clara.open("5.00")
    place = f"{page_of(clara)}/accounts/{account['id']}"
    page = employee.get(page_of(clara))
    token = form_with(page, status="frozen").fields["csrf_token"]
    fields = {"csrf_token": token, "status": "frozen", "reason": "A card was lost"}
    assert employee.post(place, fields).status_code == 303
    seen = clara.visitor.get(f"/accounts/{account['id']}").text
    assert "by clerk of Northwater Bank. Reason: A card was lost" in seen
    assert employee.post(place, {**fields, "reason": "Suspicion of fraud", "keeps_reason": "y"}).status_code == 303
    seen = clara.visitor.get(f"/accounts/{account['id']}").text
    assert ("by clerk of Northwater Bank" in seen, "fraud" in seen) == (True, False)
    assert "Suspicion of fraud <span" in employee.get(page_of(clara)).text


def test_a_link_for_a_new_password_is_sent_with_a_reason_and_seen_in_what_happened(
    employee: Visitor, clara: Person
) -> None:
    place = page_of(clara)
    refused = employee.submit(place, action=f"{place}/password_reset", reason="")
    assert (refused.status_code, "how the customer has proven who they are" in refused.text) == (400, True)
    sent = employee.submit(place, action=f"{place}/password_reset", reason="Knew her last payment")
    assert sent.headers["Location"] == place
    page = employee.get(place).text
    assert "<code>password.reset_ask</code>: Knew her last payment" in page


def test_an_empty_account_is_closed_for_a_customer_with_a_reason(employee: Visitor, clara: Person) -> None:
    account, place = clara.open(), page_of(clara)
    action = f"{place}/accounts/{account['id']}/close"
    refused = employee.submit(place, action=action, reason="")
    assert (refused.status_code, "Enter the reason." in refused.text) == (400, True)
    assert employee.submit(place, action=action, reason="She asked for it").headers["Location"] == place
    page = employee.get(place).text
    assert "<strong>Closed</strong>: She asked for it" in page
    assert action not in page
