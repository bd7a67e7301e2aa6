"""The audit trail on pages: filters, the export, and what customers see of it."""

import csv
import io
from zoneinfo import ZoneInfo

import pytest

from shared.core.clock import now
from tests.support.processes import eventually
from tests.support.suite import ADMIN_PASSWORD, PASSWORD, Person, Suite
from tests.support.visitor import Visitor


@pytest.fixture(scope="module")
def admin(bank: Suite) -> Visitor:
    browser = Visitor(bank.apps["gateway"], user_agent="=cmd|'/c calc'!A1")
    assert browser.log_in("admin", ADMIN_PASSWORD).status_code == 303
    return browser


def test_entries_are_listed_and_filtered(admin: Visitor, ada: Person) -> None:
    page = admin.get(f"/admin/audit?user_id={ada.user_id}&action=login&outcome=success")
    assert page.status_code == 200
    assert page.text.count("<code>login</code>") == 1
    assert "ada</a>" in page.text
    assert "No matches" in admin.get("/admin/audit?actor=nobody.at.all").text
    assert 'href="/admin/audit" aria-current="page">Audit' in page.text


def test_the_days_of_the_filters_are_those_of_the_page(admin: Visitor) -> None:
    zones = ("Pacific/Kiritimati", "Pacific/Pago_Pago")  # 25 hours apart, so their days always differ
    days = [now().astimezone(ZoneInfo(zone)).date() for zone in zones]
    found = []
    for zone in zones:
        admin.client.set_cookie("time_zone", zone)
        pages = (admin.get(f"/admin/audit?from={day}&to={day}&action=login").text for day in days)
        found += ["No matches" in page for page in pages]
    admin.client.delete_cookie("time_zone")
    assert found == [False, True, True, False]


@pytest.mark.parametrize(
    "query", ["user_id=x", "from=yesterday", "outcome=good", "action=What!", "from=2026-02-01&to=2026-01-31"]
)
def test_a_filter_that_can_t_be_read_is_400_with_a_message(admin: Visitor, query: str) -> None:
    page = admin.get(f"/admin/audit?{query}")
    assert (page.status_code, "invalid-feedback" in page.text) == (400, True)


def test_the_export_has_what_is_filtered_and_no_formulas(admin: Visitor) -> None:
    answer = admin.get("/admin/audit/export?action=login&actor=admin")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert 'attachment; filename="audit-' in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["action"] for row in rows} == {"login"}
    assert {row["user_agent"] for row in rows} >= {"'=cmd|'/c calc'!A1"}
    eventually(lambda: "<code>export.audit</code>" in admin.get("/admin/audit?action=export.audit").text)
    assert admin.get("/admin/audit/export?from=yesterday").status_code == 400


def test_customers_have_no_access_to_the_audit_trail(bank: Suite, ada: Person) -> None:
    browser = bank.visitor()
    browser.log_in(ada.username, PASSWORD)
    for path in ("/admin/audit", "/admin/audit/export"):
        assert browser.get(path).status_code == 403
    assert "/admin/audit" not in browser.get("/profile").text


def test_people_see_who_of_the_staff_looked_at_their_data(bank: Suite, ada: Person) -> None:
    browser = bank.visitor()
    browser.log_in(ada.username, PASSWORD)
    assert 'href="/profile/views"' in browser.get("/profile").text
    assert "Nobody so far" in browser.get("/profile/views").text
    assert bank.call("auth", "GET", f"/api/auth/users/{ada.user_id}", bank.admin()).status_code == 200
    page = browser.get("/profile/views")
    assert "Your name and contact data" in page.text
    assert "admin" in page.text
    assert browser.get("/profile/views?cursor=x").status_code == 400


def test_the_client_of_a_page_s_visitor_is_audited_and_not_the_gateway(admin: Visitor) -> None:
    headers = {"User-Agent": "a phone"}
    admin.client.get("/admin/users?q=phone", headers=headers, environ_base={"REMOTE_ADDR": "203.0.113.77"})
    page = admin.get("/admin/audit?action=list.people&q=phone").text
    assert "203.0.113.77" in page
    assert "a phone" in page
