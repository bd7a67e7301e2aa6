"""Report pages."""

import io
import json
import re
import zipfile
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from api_gateway.pages.common.reports import presets
from reporting_service.reporting_models import Report
from reporting_service.reporting_models import db as reporting_db
from shared.core.clock import now
from shared.core.formats import MINUS
from shared.core.time_zones import day_of, read_zone
from tests.support.suite import Person, Suite
from tests.support.visitor import forms_of

TODAY = datetime.now(UTC).date()


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    ada = bank.person()
    account = ada.open("100.00", nickname="Everyday")
    ada.pay("withdraw", account_id=account["id"], amount="30.00")
    return ada


@pytest.fixture(scope="module")
def account_id(ada: Person) -> str:
    return str(ada.transactions()[0]["account_id"])


def test_a_change_of_a_number_has_the_sign_of_amounts(bank: Suite) -> None:
    macros: Any = bank.apps["gateway"].jinja_env.get_template("partials/reports.html").module
    changes = [macros.difference(7), macros.difference(-7), macros.difference(0), macros.difference(-2.2, "%+.1f%%")]
    assert changes == ["+7", f"{MINUS}7", "0", f"{MINUS}2.2%"]


def test_an_account_report_adds_up(ada: Person, account_id: str) -> None:
    page = ada.visitor.get(f"/reports/account/{account_id}")
    assert page.status_code == 200
    for words in ("Everyday", "+$100.00", f"{MINUS}$30.00", "$70.00", "Withdrawal", f'value="{TODAY}"'):
        assert words in page.text


def test_a_transaction_report_covers_all_accounts(ada: Person) -> None:
    page = ada.visitor.get("/reports/transactions")
    assert page.status_code == 200
    for words in ("+$100.00", f"{MINUS}$30.00", "+$70.00", "$65.00"):
        assert words in page.text


def test_the_period_can_be_chosen(ada: Person, account_id: str) -> None:
    yesterday = TODAY - timedelta(days=1)
    query = f"start_date={yesterday - timedelta(days=200)}&end_date={yesterday}"
    page = ada.visitor.get(f"/reports/account/{account_id}?{query}")
    assert page.status_code == 200
    assert "Nothing happened in this period." in page.text
    assert f'value="{yesterday}"' in page.text


@pytest.mark.parametrize("path", ["transactions", "account"])
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("start_date=x", "Enter a day that exists"),
        ("start_date=2026-02-01&end_date=2026-01-01", "“To” must not be before “From”."),
        ("start_date=2099-01-01", "“From” must not be after today."),
        ("start_date=2001-01-01&end_date=2026-01-01", "From must be at most ten years before To"),
        ("start_date=0001-01-01", "From must be at most ten years before To"),
    ],
)
def test_an_invalid_period_is_explained_beside_its_field_and_kept(
    ada: Person, account_id: str, path: str, query: str, words: str
) -> None:
    address = f"/reports/account/{account_id}" if path == "account" else "/reports/transactions"
    page = ada.visitor.get(f"{address}?{query}")
    assert page.status_code == 400
    assert f'-error">{words}' in page.text
    for given in query.split("&"):
        field, _, value = given.partition("=")
        assert re.search(rf'name="{field}"[^>]* value="{value}"', page.text), given


@pytest.mark.parametrize("path", ["account/{account_id}", "transactions"])
def test_a_report_is_stored_only_on_request(ada: Person, account_id: str, path: str) -> None:
    def index() -> str:
        page = ada.visitor.get("/reports").text.partition("Make a report")[0]
        return re.sub(r'(name="csrf_token"[^>]* value=)"[^"]+"', r"\1", page)  # it holds the second of its making

    path, before = f"/reports/{path.format(account_id=account_id)}", index()
    page = ada.visitor.get(f"{path}?end_date={TODAY - timedelta(days=3)}")
    assert index() == before
    form = next(form for form in forms_of(page) if form.action.startswith(path))
    answer = ada.visitor.post(form.action.replace("&amp;", "&"), form.fields)
    assert answer.status_code == 303
    saved = ada.visitor.get(answer.headers["Location"]).text
    assert f'href="{answer.headers["Location"]}"' in index()
    assert "The report is saved." in saved
    assert "as it was on" in saved
    assert f"to {TODAY - timedelta(days=3)}" in saved


def test_a_report_with_an_invalid_period_is_not_saved(ada: Person, account_id: str) -> None:
    path = f"/reports/account/{account_id}"
    form = next(form for form in forms_of(ada.visitor.get(path)) if form.action.startswith(path))
    page = ada.visitor.post(f"{path}?start_date=2026-02-01&end_date=2026-01-01", form.fields)
    assert page.status_code == 400
    assert "“To” must not be before “From”." in page.text
    assert ada.visitor.post(path, {}).status_code == 400


def test_a_report_of_another_user_is_404(ada: Person, bank: Suite, account_id: str) -> None:
    stranger = bank.person().visitor
    for path in (f"account/{account_id}", f"account/{uuid4()}", str(uuid4()), "nonsense"):
        assert stranger.get(f"/reports/{path}").status_code == 404


def test_the_page_reports_unavailable_reports(ada: Person) -> None:
    adapter = ada.bank.adapters["reporting"]
    adapter.down = True
    try:
        page = ada.visitor.get("/reports")
    finally:
        adapter.down = False
    assert page.status_code == 503
    assert "Your reports are not available right now." in page.text


def test_a_page_offers_periods_and_marks_the_one_that_is_shown(ada: Person) -> None:
    first = TODAY.replace(day=1)
    page = ada.visitor.get(f"/reports/transactions?start_date={first}&end_date={TODAY}&group=week")
    link = f'href="?start_date={first}&amp;end_date={TODAY}&amp;group=week" aria-current="true">This month<'
    assert link in page.text
    for name in ("Last month", "This quarter", "Last quarter", "This year", "Last year"):
        assert f">{name}</a>" in page.text
    assert "By week" in page.text


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        ("2026-01-01", {"This month": "2026-01-01 2026-01-01", "Last quarter": "2025-10-01 2025-12-31"}),
        ("2026-03-31", {"Last month": "2026-02-01 2026-02-28", "This quarter": "2026-01-01 2026-03-31"}),
        ("2028-02-29", {"Last year": "2027-01-01 2027-12-31", "This year": "2028-01-01 2028-02-29"}),
    ],
)
def test_the_offered_periods_are_those_of_the_calendar(today: str, expected: dict[str, str]) -> None:
    offered = {name: f"{start} {end}" for name, start, end in presets(date.fromisoformat(today))}
    assert {name: offered[name] for name in expected} == expected


def test_a_report_page_tells_payments_in_from_out_and_compares(ada: Person, account_id: str) -> None:
    for path in (f"account/{account_id}", "transactions"):
        page = ada.visitor.get(f"/reports/{path}")
        for words in ("Payments in and out", "Median", "Compared with the period before", "All figures are as of"):
            assert words in page.text
    assert "<title>" in page.text.partition('class="chart-tips"')[2]


def test_a_report_stored_before_reports_named_their_moment_is_still_shown(ada: Person, bank: Suite) -> None:
    page = ada.visitor.get("/reports/transactions")
    form = next(form for form in forms_of(page) if form.action.startswith("/reports/transactions?"))
    saved = ada.visitor.post(form.action, form.fields).headers["Location"]
    newer = {"as_of", "money_in", "money_out", "grouping", "groups", "previous", "opening_balance", "closing_balance"}
    with bank.apps["reporting"].app_context(), reporting_db.transaction():
        report = reporting_db.session.get(Report, UUID(saved.rpartition("/")[2]))
        assert report
        report.report_data = {key: value for key, value in report.report_data.items() if key not in newer}
    page = ada.visitor.get(saved)
    assert page.status_code == 200
    assert "Payments in and out" not in page.text


def test_a_report_is_downloaded_for_the_period_that_is_shown(ada: Person, account_id: str) -> None:
    for path in (f"/reports/account/{account_id}", "/reports/transactions"):
        page = ada.visitor.get(f"{path}?start_date={TODAY}&end_date={TODAY}&group=day")
        link = f"{path}?start_date={TODAY}&amp;end_date={TODAY}&amp;group=day&amp;format=csv"
        assert link in page.text
        answer = ada.visitor.get(link.replace("&amp;", "&"))
        assert (answer.status_code, answer.content_type) == (200, "text/csv; charset=utf-8")
        assert "Summary,net,70.00" in answer.text
        assert ada.visitor.get(f"{path}?format=pdf").data.startswith(b"%PDF-")
        assert ada.visitor.get(f"{path}?format=pdf&start_date=x").status_code == 400


def test_reports_and_the_dashboard_have_the_days_of_the_browser(ada: Person, account_id: str) -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):  # a day apart, at each moment
        ada.visitor.client.set_cookie("time_zone", zone)
        today = day_of(now(), read_zone(zone))
        page = ada.visitor.get(f"/reports/account/{account_id}").text
        assert f'value="{today}"' in page
        assert f"Days begin at midnight in {zone.replace('_', ' ')}." in page
    ada.visitor.client.delete_cookie("time_zone")


def test_a_custom_report_is_kept_shown_downloaded_saved_and_deleted(ada: Person, account_id: str) -> None:
    fields = {"name": "My deposits", "types": "deposit", "account_ids": account_id, "preset": "this_year"}
    kept = ada.visitor.submit("/reports/custom/create", **fields)
    assert kept.status_code == 303
    path = kept.headers["Location"]
    page = ada.visitor.get(path).text
    for words in ("My deposits", "The report is kept.", "deposits only", "Everyday", "+$100.00"):
        assert words in page
    assert f'href="{path}">My deposits</a>' in ada.visitor.get("/reports").text
    assert "By type,deposit,1,100.00" in ada.visitor.get(f"{path}?format=csv").text
    saved = ada.visitor.submit(path)
    assert "My deposits, " in ada.visitor.get(saved.headers["Location"]).text
    asked = ada.visitor.get(f"{path}/delete").text
    assert ("Confirm deletion" in asked, f'href="{path}/delete"' in page) == (True, True)
    assert ada.visitor.get(path).status_code == 200
    assert ada.visitor.submit(f"{path}/delete").status_code == 303
    assert ada.visitor.get(path).status_code == 404


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "Enter a name."),
        ({"preset": ""}, "start_date"),
        ({"preset": "", "start_date": "2026-02-02", "end_date": "2026-02-01"}, "must not be after"),
    ],
)
def test_a_wrong_choice_is_explained_and_kept_in_the_form(ada: Person, fields: dict[str, str], words: str) -> None:
    answer = ada.visitor.submit("/reports/custom/create", **{"name": "Wrong", **fields})
    assert answer.status_code == 400
    if words != "start_date":
        assert words in answer.text


def test_all_data_is_downloaded_from_the_profile(ada: Person) -> None:
    answer = ada.visitor.submit("/profile", action="/profile/export")
    assert (answer.status_code, answer.content_type) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as files:
        assert len(json.loads(files.read("transactions.json"))) == 2
    assert "attachment" in answer.headers["Content-Disposition"]
