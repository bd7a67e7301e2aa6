"""Reports as CSV and PDF over the real services: the same figures as the API's, to the cent."""

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from pypdf import PdfReader
from werkzeug.test import TestResponse

from tests.reporting.documents.pdf_ua import faults_of
from tests.support.suite import Person, Suite


class Office:
    """Ada with an account, whose descriptions are those that a spreadsheet would take for formulas."""

    def __init__(self, suite: Suite) -> None:
        self.suite, self.admin, self.ada = suite, suite.admin(), suite.person()
        self.account_id = str(self.ada.open()["id"])
        for number in range(60):
            text = f"=1+{number}" if number % 2 else f"Łódź, „{number}”"
            self.move("deposit", amount="12345.67", description=text)
        self.move("withdraw", amount="20.00")

    def move(self, kind: str, **body: str) -> None:
        path, body = f"/api/transactions/{kind}", {**body, "account_id": self.account_id}
        assert self.suite.call("transaction", "POST", path, self.ada, json=body).status_code == 201

    def get(self, path: str, person: Person | None = None) -> TestResponse:
        return self.suite.call("reporting", "GET", f"/api/reports/{path}", person or self.ada)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    suite = Suite(tmp_path_factory.mktemp("bank"), ("auth", "account", "transaction", "reporting")).start()
    yield Office(suite)
    suite.stop()


def rows_of(answer: TestResponse) -> dict[str, list[list[str]]]:
    """Return the rows of each table without its title."""
    tables: dict[str, list[list[str]]] = {}
    for title, *cells in csv.reader(io.StringIO(answer.data.decode())):
        tables.setdefault(title, []).append(cells)
    return tables


def test_the_csv_has_the_figures_of_the_report_and_as_many_cells_in_each_row(office: Office) -> None:
    path = f"account/{office.account_id}?save=false"
    data: dict[str, Any] = (office.get(path).json or {})["report"]["report_data"]
    answer = office.get(f"{path}&format=csv")
    assert answer.status_code == 200
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="account-report-')
    tables = rows_of(answer)
    assert len({len(row) for rows in tables.values() for row in rows}) == 1
    summary = {row[0]: row[1] for row in tables["Summary"]}
    names = ("opening_balance", "income", "expense", "net", "closing_balance")
    assert {name: summary[name] for name in names} == {name: data[name] for name in names}
    entries = tables["Entries"][1:]
    assert [row[5] for row in entries] == [row["amount"] for row in data["history"]]
    assert sum(Decimal(row[5]) for row in entries) == Decimal(data["net"])
    assert {row[2][:2] for row in entries[1:]} == {"'=", "Łó"}


def test_the_pdf_has_all_tables_names_and_figures_on_numbered_pages(office: Office) -> None:
    answer = office.get(f"account/{office.account_id}?save=false&format=pdf")
    assert (answer.status_code, answer.content_type) == (200, "application/pdf")
    pages = PdfReader(io.BytesIO(answer.data)).pages
    text = "\n".join(page.extract_text() for page in pages)
    for words in ("Account report", "All figures as of", "Payments in and out", "740740.20", "Łódź", "median"):
        assert words in text
    assert f"Page {len(pages)} of {len(pages)}" in text
    assert len(pages) > 1
    assert faults_of(answer.data) == []


def test_every_kind_of_report_can_be_downloaded_stored_and_fresh(office: Office) -> None:
    stored = (office.get("transactions").json or {})["report"]["id"]
    body = {"name": uuid4().hex, "preset": "this_year", "types": ["deposit"]}
    kept = office.suite.call("reporting", "POST", "/api/reports/custom", office.ada, json=body).json or {}
    paths = [("transactions?", office.ada), (f"details/{stored}?", office.ada), ("system?", office.admin)]
    paths.append((f"custom/{kept['custom_report']['id']}/run?", office.ada))
    for path, person in paths:
        tables = rows_of(office.get(f"{path}format=csv", person))
        assert "By type" in tables, path
        assert tables["By type"][1][:3] == ["deposit", "60", "740740.20"], path
        assert office.get(f"{path}format=pdf", person).data.startswith(b"%PDF-"), path


def test_an_unknown_format_is_refused_and_a_foreign_report_not_found(office: Office) -> None:
    answer = office.get("transactions?format=xlsx")
    assert (answer.status_code, list((answer.json or {})["details"])) == (400, ["format"])
    stored = (office.get("transactions").json or {})["report"]["id"]
    assert office.get(f"details/{stored}?format=csv", office.suite.person()).status_code == 404
