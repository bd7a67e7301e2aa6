"""The first page of staff: what waits for them, by their permissions."""

import html
import re
import threading
from typing import Any

import pytest
from werkzeug.test import TestResponse

from api_gateway.clients.approvals import KINDS, ApprovalClient
from tests.support.suite import BankOptions, Person, Suite
from tests.support.visitor import Visitor


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(variables={"APPROVAL_REQUIRED": "1"})


@pytest.fixture(scope="module")
def clerk(bank: Suite) -> Person:
    return bank.employee("clerk")


def browser(bank: Suite, person: Person) -> Visitor:
    visitor = bank.visitor()
    answer = visitor.log_in(person.username)
    assert answer.headers["Location"] == "/admin"
    return visitor


def work(visitor: Visitor) -> dict[str, tuple[str, str]]:
    """Return the count and the address of each card, by its title."""
    pattern = r'card" href="([^"]+)"><span[^>]*>([^<]+)</span>.*?balance">(?:<span class="muted">)?([^<]+)<'
    return {
        title: (count, html.unescape(href)) for href, title, count in re.findall(pattern, visitor.get("/admin").text)
    }


def test_the_cards_count_what_waits_and_lead_to_it(bank: Suite, admin: Visitor, clerk: Person) -> None:
    seen = browser(bank, clerk)
    before = {title: count for title, (count, _) in work(seen).items()}
    assert before == dict.fromkeys(("Approvals", "Messages", "Identities", "Failed payments", "Locked customers"), "0")
    eve, newcomer = bank.person("eve"), bank.person("newcomer")
    account = eve.open("1.00")
    eve.pay("withdraw", 400, account_id=account["id"], amount="5.00", description="Too much")
    for _ in range(5):
        bank.visitor().log_in("eve", "not the password")
    body = {"role": "employee"}
    path = f"/api/auth/users/{newcomer.user_id}"
    assert bank.call("auth", "PUT", path, bank.admin(), json=body).status_code == 202
    cards = work(seen)
    assert {title: cards[title][0] for title in ("Approvals", "Failed payments", "Locked customers")} == {
        "Approvals": "1",
        "Failed payments": "1",
        "Locked customers": "1",
    }
    assert work(admin)["Approvals"][0] == "0"  # an own request is not one's own to decide
    shown = {title: seen.get(cards[title][1]).text for title in cards}
    assert "newcomer" in shown["Approvals"]
    assert "Too much" in shown["Failed payments"]
    assert "eve@example.com" in shown["Locked customers"]
    assert "newcomer@example.com" not in shown["Locked customers"]
    assert "eve@example.com" in admin.get("/admin/users?status=locked").text


def test_the_requests_of_all_services_are_counted_at_once(
    bank: Suite, clerk: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, all_at_once, find = browser(bank, clerk), threading.Barrier(len(KINDS)), ApprovalClient.find

    def find_with_the_others(client: ApprovalClient, query: dict[str, Any]) -> Any:
        all_at_once.wait(5)
        return find(client, query)

    monkeypatch.setattr(ApprovalClient, "find", find_with_the_others)
    assert work(seen)["Approvals"][0].isdecimal()


def test_staff_see_only_the_work_that_they_may_do(bank: Suite, admin: Visitor, clerk: Person) -> None:
    reader = bank.person("reader")
    approve = bank.call("auth", "PUT", f"/api/auth/users/{reader.user_id}", bank.admin(), json={"role": "employee"})
    second = bank.log_in("clerk")
    decide(bank, second, approve)
    path, body = f"/api/auth/users/{reader.user_id}/permissions", {"permissions": ["customers:read"]}
    decide(bank, second, bank.call("auth", "PUT", path, bank.admin(), json=body))
    page = browser(bank, reader)
    assert list(work(page)) == ["Failed payments"]
    assert "/admin/counter" not in page.get("/admin").text
    path, body = f"/api/auth/users/{reader.user_id}/permissions", {"permissions": ["customers:write"]}
    decide(bank, second, bank.call("auth", "PUT", path, bank.admin(), json=body))
    assert work(browser(bank, reader)) == {}  # the list of customers needs another permission


def decide(bank: Suite, second: Person, asked: TestResponse) -> None:
    path = f"/api/auth/approvals/{asked.get_json()['approval']['id']}/approve"
    assert bank.call("auth", "POST", path, second).status_code == 200


def test_a_service_that_is_away_leaves_its_cards_without_a_count(bank: Suite, admin: Visitor) -> None:
    adapter = bank.adapters["transaction"]
    adapter.down = True
    try:
        cards = work(admin)
    finally:
        adapter.down = False
    assert cards["Failed payments"][0] == cards["Approvals"][0] == "Not available"
    assert cards["Messages"][0] == "0"


def test_a_count_is_no_look_at_customers_but_the_list_behind_it_is(bank: Suite, admin: Visitor) -> None:
    def looks() -> list[tuple[str, str]]:
        answer = bank.call("auth", "GET", "/api/auth/audit?actor=admin&q=list.&limit=200", bank.admin())
        found = (answer.get_json() or {})["audit"]
        return [(entry["action"], str(entry["details"])) for entry in found if entry["action"].startswith("list.")]

    before = len(looks())
    assert admin.get("/admin").status_code == 200
    for path in (
        "/admin/customers?q=from.the.queue",
        "/admin/customers?q=from.the.queue&cursor=",
        "/admin/cases?q=queue",
    ):
        admin.get(path)
    assert [action for action, details in looks() if "queue" in details] == ["list.cases", "list.customers"]
    assert len(looks()) == before + 2
