"""Statements on pages: what there is to choose from, and the downloads by the browser's session."""

import re
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api_gateway.clients.account import Account
from api_gateway.pages.common.statements import months_of, presets
from tests.support.processes import eventually
from tests.support.suite import ADMIN_PASSWORD, Person, Suite

THIS_MONTH = f"{datetime.now(UTC):%Y-%m}"


@pytest.fixture(scope="module")
def account(ada: Person) -> dict[str, Any]:
    return ada.open("100.00", nickname="Everyday")


def test_a_statement_can_be_downloaded_in_every_format(ada: Person, account: dict[str, Any]) -> None:
    page = ada.visitor.get(f"/accounts/{account['id']}/statements")
    assert page.status_code == 200
    links = re.findall(r'href="(/accounts/[^"]+/statement\?month=[^"]+)"', page.text)
    assert len(links) == 5
    for link in links:
        document = ada.visitor.get(link.replace("&amp;", "&"))
        assert document.status_code == 200
        assert f"statement-{account['account_number'][-4:]}-{THIS_MONTH}" in document.headers["Content-Disposition"]
        assert document.content_length == len(document.data)
        again = ada.visitor.client.get(
            link.replace("&amp;", "&"),
            headers={"If-None-Match": document.headers["ETag"], "User-Agent": ada.visitor.user_agent},
        )
        assert (again.status_code, again.data) == (304, b"")


def test_a_range_is_a_pdf_unless_another_format_is_chosen(ada: Person, account: dict[str, Any]) -> None:
    path = f"/accounts/{account['id']}/statement?from=2020-01-01&to={datetime.now(UTC):%Y-%m-%d}"
    assert ada.visitor.get(path).data.startswith(b"%PDF-")
    assert ada.visitor.get(f"{path}&format=csv").text.count("100.00") == 2


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=2026-02-02&to=2026-02-01", "“To” must not be before “From”."),
        ("from=2026-02-30&to=2026-03-01", "Enter a day that exists"),
        ("from=2026-02-01", "is required together with from"),
        ("from=2099-02-01&to=2099-02-02", "From must not be in the future."),
        ("month=2099-01", "Month must not be in the future."),
        ("month=soon", "Month must be a month"),
        ("", "is required, unless from and to are given"),
        ("month=2026-01&format=docx", "Format must be"),
    ],
)
def test_a_refused_period_is_explained_on_the_page(
    ada: Person, account: dict[str, Any], query: str, words: str
) -> None:
    page = ada.visitor.get(f"/accounts/{account['id']}/statement?{query}")
    assert page.status_code == 400
    assert words in page.text


def test_a_statement_needs_a_login_and_an_account_of_ones_own(bank: Suite, account: dict[str, Any]) -> None:
    path = f"/accounts/{account['id']}/statement?month={THIS_MONTH}"
    assert bank.client("gateway").get(path).headers["Location"].startswith("/login")
    other = bank.person()
    assert other.visitor.get(path).status_code == 404
    assert other.visitor.get(f"/accounts/{account['id']}/statements").status_code == 404


def test_staff_open_the_statements_of_a_customer_from_both_pages(
    bank: Suite, ada: Person, account: dict[str, Any]
) -> None:
    admin, visitor = bank.admin(), bank.visitor()
    visitor.log_in("admin", ADMIN_PASSWORD)
    path = f"/admin/accounts/{account['id']}/statements"
    for place in (f"/admin/accounts/{account['id']}", f"/admin/customers/{ada.user_id}"):
        assert f'href="{path}"' in visitor.get(place).text
    assert visitor.get(f"/accounts/{account['id']}/statements").location == path
    page = visitor.get(path)
    links = re.findall(r'href="(/admin/accounts/[^"]+/statement\?month=[^"]+)"', page.text)
    assert (page.status_code, len(links)) == (200, 5)
    document = visitor.get(links[0].replace("&amp;", "&"))
    assert (document.status_code, document.content_type) == (200, "application/pdf")
    assert "Month must be a month" in visitor.get(f"{path[:-1]}?month=soon").text

    def is_recorded() -> bool:
        found = bank.call("auth", "GET", "/api/auth/audit?action=statement.export", admin).json or {}
        return any(entry["subject_id"] == ada.user_id for entry in found["audit"])

    eventually(is_recorded)
    assert ada.visitor.get(path).status_code == 403


def test_the_account_and_the_reports_lead_to_the_statements(ada: Person, account: dict[str, Any]) -> None:
    for page in (f"/accounts/{account['id']}", "/reports"):
        assert f'href="/accounts/{account["id"]}/statements"' in ada.visitor.get(page).text


def test_months_begin_with_the_account_and_end_with_today() -> None:
    facts = {"id": "0" * 32, "user_id": "0" * 32, "account_number": "1", "account_type": "checking"}
    facts |= {"balance": "0", "currency": "USD", "status": "active"}
    opened = Account.model_validate({**facts, "created_at": "2025-10-31T23:30:00Z"})
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert months_of(opened, at, UTC) == [date(2026, 1, 1), date(2025, 12, 1), date(2025, 11, 1), date(2025, 10, 1)]
    assert months_of(opened, at, ZoneInfo("Europe/Athens"))[-1] == date(2025, 11, 1)


def test_presets_are_whole_quarters_and_years() -> None:
    found = presets(date(2026, 2, 28))
    assert found["Last quarter"] == (date(2025, 10, 1), date(2025, 12, 31))
    assert found["This quarter"] == (date(2026, 1, 1), date(2026, 2, 28))
    assert found["Last year"] == (date(2025, 1, 1), date(2025, 12, 31))
