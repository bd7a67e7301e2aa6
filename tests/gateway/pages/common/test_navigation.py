"""From a list to a record and back: the way back leads to the same filters and the same page, also after an action."""

import html
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.suite import BankOptions, Person, Suite
from tests.support.visitor import Visitor


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(variables={"APPROVAL_REQUIRED": "1"})


@pytest.fixture(scope="module")
def clerk(bank: Suite) -> Visitor:
    return bank.employee("clerk").visitor


@pytest.fixture(scope="module")
def account(ada: Person, clerk: Visitor) -> dict[str, Any]:
    account = ada.open("10.00", nickname="Holidays")
    letter = {"kind": "question", "subject": "A card", "text": "When?"}
    assert ada.bank.call("auth", "POST", "/api/auth/cases", ada, json=letter).status_code == 201
    return account


def followed(visitor: Visitor, page: str, pattern: str) -> str:
    """Return the address of the first link of a page that matches."""
    links = map(html.unescape, re.findall(r'href="([^"]+)"', visitor.get(page).text))
    return next(link for link in links if re.match(pattern, link))


def way_back(visitor: Visitor, page: str) -> str:
    found = re.search(r'<a class="back" href="([^"]+)"', visitor.get(page).text)
    assert found, page
    return html.unescape(found[1])


@pytest.mark.parametrize(
    ("listed", "record"),
    [
        ("/admin/customers?q=ada&status=active", "/admin/customers/[0-9a-f-]{36}"),
        ("/admin/accounts?status=active&account_type=checking", "/admin/accounts/[0-9a-f-]{36}"),
        ("/admin/transactions?type=deposit", "/admin/transactions/[0-9a-f-]{36}"),
        ("/admin/cases?state=open", "/admin/cases/[0-9a-f-]{36}"),
        ("/admin/users?q=ada", "/admin/users/[0-9a-f-]{36}"),
    ],
)
def test_a_record_leads_back_to_its_list_as_it_was(
    admin: Visitor, account: dict[str, Any], listed: str, record: str
) -> None:
    assert way_back(admin, followed(admin, listed, record)) == listed


def test_an_action_on_a_record_keeps_the_way_back(clerk: Visitor, ada: Person, account: dict[str, Any]) -> None:
    listed = "/admin/customers?q=ada"
    page = followed(clerk, listed, "/admin/customers/[0-9a-f-]{36}")
    notes = page.replace("?", "/notes?", 1)
    refused = clerk.submit(page, action=notes, text="")
    assert (refused.status_code, html.escape(listed) in refused.text) == (400, True)
    answer = clerk.submit(page, action=notes, text="Called")
    assert way_back(clerk, answer.headers["Location"]) == listed


def test_a_record_that_is_opened_from_another_one_leads_back_over_both(clerk: Visitor, account: dict[str, Any]) -> None:
    listed = "/admin/customers?q=ada"
    customer = followed(clerk, listed, "/admin/customers/[0-9a-f-]{36}")
    opened = followed(clerk, customer, "/admin/accounts/[0-9a-f-]{36}\\?back")
    assert way_back(clerk, opened) == customer
    payment = followed(clerk, opened, "/admin/transactions/[0-9a-f-]{36}")
    assert len(payment) < 400  # the way is not remembered any longer
    assert way_back(clerk, payment) == opened.partition("?")[0]


def test_a_decided_request_leads_back_to_the_filtered_list(admin: Visitor, ada: Person, clerk: Visitor) -> None:
    path = f"/api/auth/users/{ada.user_id}"
    assert ada.bank.call("auth", "PUT", path, ada.bank.admin(), json={"role": "employee"}).status_code == 202
    listed = "/admin/approvals?kind=people&status=pending"
    action = next(
        html.unescape(link) for link in re.findall(r'action="([^"]+)"', admin.get(listed).text) if "reject" in link
    )
    assert parse_qs(urlsplit(action).query) == {"back": [listed]}
    refused = admin.submit(listed, action=action, reason="")
    assert refused.status_code == 400
    assert 'selected value="people"' in refused.text or 'value="people" selected' in refused.text
    assert admin.submit(listed, action=action, reason="Not yet").headers["Location"] == listed


@pytest.mark.parametrize("back", ["//evil.example/", "https://evil.example/", "/logout", "/admin/customers\\@evil"])
def test_a_way_back_to_another_place_is_not_taken(admin: Visitor, account: dict[str, Any], back: str) -> None:
    assert way_back(admin, f"/admin/accounts/{account['id']}?back={back}") == "/admin/accounts"
