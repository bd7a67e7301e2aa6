"""Statements over the real services: their figures, formats, refusals, and the bytes that are kept."""

import csv
import io
from typing import Any
from uuid import UUID

import pytest

from reporting_service.statements.statement_logic import MAX_ZONES, StatementTools
from shared.web.parts import part
from tests.reporting.documents.pdf_ua import texts_of
from tests.reporting.statements.conftest import Branch

FORMATS = {
    "json": "application/json",
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
    "ofx": "application/x-ofx",
    "camt053": "application/xml",
}


@pytest.fixture(scope="module")
def ada(branch: Branch) -> dict[str, Any]:
    """Ada's account: 500 in September, all kinds of entries in October, one more in November, seen on 10 November."""
    branch.at("2026-09-20T12:00:00Z")
    account, other = branch.open(nickname="Household"), branch.open("bob")
    branch.pay("deposit", account_id=account["id"], amount="500.00")
    branch.at("2026-10-01T00:00:00Z")
    branch.pay("deposit", account_id=account["id"], amount="1000.00", description="Salary")
    branch.pay("withdraw", account_id=account["id"], amount="120.50", description="=1+1")
    mistake = branch.pay("deposit", account_id=account["id"], amount="40.00")
    branch.pay(f"reverse/{mistake['id']}", "admin")
    branch.at("2026-10-31T23:59:58Z")
    to_bob = {"from_account_id": account["id"], "to_account_number": other["account_number"]}
    branch.pay("transfer", **to_bob, amount="99.99", description='Müller & Söhne, "Rent"')
    branch.at("2026-11-01T00:00:00Z")
    branch.pay("withdraw", account_id=account["id"], amount="1.00")
    branch.at("2026-11-10T12:00:00Z")
    return {**account, "other": other["account_number"]}


def test_a_statement_has_every_entry_of_its_month_and_ties_out(branch: Branch, ada: dict[str, Any]) -> None:
    statement = branch.statement(ada["id"], month="2026-10")
    assert (statement["opening_balance"], statement["closing_balance"]) == ("500.00", "1279.51")
    amounts = [entry["amount"] for entry in statement["entries"]]
    assert amounts == ["1000.00", "-120.50", "40.00", "-40.00", "-99.99"]
    assert [entry["balance"] for entry in statement["entries"]][-1] == "1279.51"
    texts = [entry["description"] for entry in statement["entries"]]
    assert texts == ["Salary", "=1+1", "Deposit", "Reversal: deposit", 'Müller & Söhne, "Rent"']
    assert {entry["date"] for entry in statement["entries"]} == {"2026-10-01", "2026-10-31"}
    assert statement["period"] == {"start_date": "2026-10-01", "end_date": "2026-10-31", "time_zone": "UTC"}
    assert (statement["is_final"], statement["as_of"]) == (True, "2026-10-31T23:59:59.999999Z")
    assert statement["account"]["account_number"] == ada["account_number"]


def test_names_of_others_are_masked_for_the_owner_and_whole_for_staff(branch: Branch, ada: dict[str, Any]) -> None:
    body = {"full_name": "Boris Щербаковский"}
    branch.suite.call("auth", "PUT", "/api/auth/users/profile", branch.person("bob"), json=body)
    for name, shown in (("ada", "Boris Щ."), ("admin", "Boris Щербаковский")):
        query = {"from": "2026-10-31", "to": "2026-10-31"}
        (entry,) = branch.statement(ada["id"], name, **query)["entries"]
        assert (entry["counterparty"], entry["description"]) == (shown, 'Müller & Söhne, "Rent"')
        pdf = " ".join(text for _, text in texts_of(branch.get(ada["id"], name, **query, format="pdf").data))
        assert f'Transfer to {shown}, ••••{ada["other"][-4:]} Müller & Söhne, "Rent"' in pdf
        assert f"<NAME>{shown}</NAME><MEMO>Müller" in branch.get(ada["id"], name, **query, format="ofx").text
        assert (
            f"<Cdtr><Pty><Nm>{shown}</Nm></Pty></Cdtr>" in branch.get(ada["id"], name, **query, format="camt053").text
        )
    own = branch.statement(ada["id"], **{"from": "2026-10-01", "to": "2026-10-30"})["entries"]
    assert {entry["counterparty"] for entry in own} == {None}


def test_a_reversal_nets_against_what_it_reverses(branch: Branch, ada: dict[str, Any]) -> None:
    statement = branch.statement(ada["id"], month="2026-10")
    assert (statement["income"], statement["expense"], statement["net"]) == ("1000.00", "220.49", "779.51")
    assert statement["count"] == 5


def test_a_month_that_goes_on_ends_with_its_newest_entry(branch: Branch, ada: dict[str, Any]) -> None:
    statement = branch.statement(ada["id"], month="2026-11")
    assert (statement["opening_balance"], statement["closing_balance"]) == ("1279.51", "1278.51")
    assert (statement["is_final"], len(statement["entries"])) == (False, 1)
    assert statement["as_of"].startswith("2026-11-01T00:00:0")


def test_a_month_before_the_account_was_opened_is_empty(branch: Branch, ada: dict[str, Any]) -> None:
    statement = branch.statement(ada["id"], month="2020-02")
    assert (statement["opening_balance"], statement["closing_balance"], statement["entries"]) == ("0.00", "0.00", [])


@pytest.mark.parametrize("form", FORMATS)
def test_a_document_has_its_type_and_name_and_is_not_sent_twice(branch: Branch, ada: dict[str, Any], form: str) -> None:
    for service in ("reporting", "gateway"):
        answer = branch.get(ada["id"], service=service, month="2026-10", format=form)
        assert (answer.status_code, answer.content_type) == (200, FORMATS[form])
        name = f"statement-{ada['account_number'][-4:]}-2026-10."
        assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="{name}')
        assert answer.content_length == len(answer.data)
        again = branch.get(ada["id"], service=service, month="2026-10", format=form, etag=answer.headers["ETag"])
        assert (again.status_code, again.data) == (304, b"")
        other = branch.get(ada["id"], service=service, month="2026-10", format=form, etag='"another"')
        assert (other.status_code, other.data) == (200, answer.data)


def test_the_statement_of_a_month_that_is_over_never_changes(branch: Branch, ada: dict[str, Any]) -> None:
    first = {form: branch.get(ada["id"], month="2026-10", format=form).data for form in FORMATS}
    body = {"full_name": "Augusta Ada King"}
    branch.suite.call("auth", "PUT", "/api/auth/users/profile", branch.person("ada"), json=body)
    assert {form: branch.get(ada["id"], month="2026-10", format=form).data for form in FORMATS} == first
    assert branch.statement(ada["id"], month="2026-09")["holder"] == "Augusta Ada King"


def test_a_month_is_kept_in_a_few_time_zones_only(branch: Branch, ada: dict[str, Any]) -> None:
    zones = [f"Etc/GMT{hours:+d}" for hours in range(-12, 0)]
    first = [branch.get(ada["id"], month="2026-10", format="csv", tz=zone).data for zone in zones]
    body = {"full_name": "Augusta Ada"}
    branch.suite.call("auth", "PUT", "/api/auth/users/profile", branch.person("ada"), json=body)
    assert [branch.get(ada["id"], month="2026-10", format="csv", tz=zone).data for zone in zones] == first
    with branch.suite.apps["reporting"].app_context():
        tools = part(StatementTools, branch.suite.apps["reporting"])
        assert tools.kept.count_zones(UUID(ada["id"]), "2026-10") == MAX_ZONES


def test_a_csv_is_read_back_with_its_signs_and_holds_no_formula(branch: Branch, ada: dict[str, Any]) -> None:
    data = branch.get(ada["id"], month="2026-10", format="csv").data
    assert data.startswith(b"date,description,amount,balance,id\r\n")
    assert data.count(b"\r\n") == 6
    rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
    statement = branch.statement(ada["id"], month="2026-10")
    assert [row["amount"] for row in rows] == [entry["amount"] for entry in statement["entries"]]
    assert rows[1]["description"] == "'=1+1"
    assert rows[4]["description"] == 'Müller & Söhne, "Rent"'


def test_the_zone_decides_where_a_month_begins(branch: Branch, ada: dict[str, Any]) -> None:
    athens = branch.statement(ada["id"], month="2026-10", tz="Europe/Athens")
    assert [entry["amount"] for entry in athens["entries"]][-1] == "-40.00"
    november = branch.statement(ada["id"], month="2026-11", tz="Europe/Athens")
    assert [(entry["date"], entry["amount"]) for entry in november["entries"]] == [
        ("2026-11-01", "-99.99"),
        ("2026-11-01", "-1.00"),
    ]
    assert november["opening_balance"] == athens["closing_balance"]


def test_a_range_takes_days_and_instants(branch: Branch, ada: dict[str, Any]) -> None:
    for until in ("2026-10-31", "2026-10-31T23:59:59.999999Z", "2026-11-01T00:59:59.999999+01:00"):
        statement = branch.statement(ada["id"], **{"from": "2026-10-31", "to": until})
        assert [entry["amount"] for entry in statement["entries"]] == ["-99.99"]
    assert statement["period"]["end_date"] == "2026-10-31"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "month"),
        ({"month": "2026-13"}, "month"),
        ({"month": "2026-1"}, "month"),
        ({"month": "October"}, "month"),
        ({"month": "0000-01"}, "month"),
        ({"month": "2026-12"}, "month"),
        ({"month": "2026-10", "from": "2026-10-01"}, "month"),
        ({"from": "2026-10-01"}, "to"),
        ({"to": "2026-10-01"}, "from"),
        ({"from": "2026-10-02", "to": "2026-10-01"}, "from"),
        ({"from": "2026-11-11", "to": "2026-11-12"}, "from"),
        ({"from": "1900-01-01", "to": "2026-10-01"}, "from"),
        ({"from": "2026-02-30", "to": "2026-10-01"}, "from"),
        ({"month": "2026-10", "format": "docx"}, "format"),
        ({"month": "2026-10", "format": "PDF"}, "format"),
        ({"month": "2026-10", "tz": "Mars/Base"}, "tz"),
        ({"month": "2026-10", "tz": "../etc/passwd"}, "tz"),
        ({"month": "2026-10", "tz": ""}, "tz"),
        ({"month": "2026-10", "page": "2"}, "page"),
    ],
)
def test_a_bad_query_is_refused_by_its_field(
    branch: Branch, ada: dict[str, Any], query: dict[str, str], field: str
) -> None:
    answer = branch.get(ada["id"], **query)
    assert answer.status_code == 400, answer.text
    assert list((answer.json or {})["details"]) == [field]


def test_somebody_elses_account_is_404_and_staff_see_a_masked_number(branch: Branch, ada: dict[str, Any]) -> None:
    for form in FORMATS:
        assert branch.get(ada["id"], "bob", month="2026-10", format=form).status_code == 404
    seen = branch.statement(ada["id"], "admin", month="2026-10")
    assert seen["account"]["account_number"] == f"••••{ada['account_number'][-4:]}"
    assert branch.suite.call("reporting", "GET", f"/api/reports/statement/{ada['id']}?month=2026-10").status_code == 401
