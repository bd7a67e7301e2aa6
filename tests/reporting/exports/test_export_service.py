"""The export of all data over the real services: it has what the API shows, and nothing of others."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.processes import eventually
from tests.support.suite import Person, Suite

FORMULA = "=HYPERLINK(1)"


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Suite]:
    names = ("auth", "account", "transaction", "reporting")
    suite = Suite(tmp_path_factory.mktemp("bank"), names, database=database).start()
    yield suite
    suite.stop()


@pytest.fixture(scope="module")
def ada(suite: Suite) -> Person:
    """Ada with an account, seven payments, a report and a custom report. Bob has paid her."""
    ada, bob = suite.person(), suite.person()
    numbers = {}
    for person in (ada, bob):
        account = person.open()
        deposit = {"account_id": account["id"], "amount": "50.00", "description": FORMULA}
        for _ in range(6):
            suite.call("transaction", "POST", "/api/transactions/deposit", person, json=deposit)
        numbers[person.user_id] = account
    transfer = {"from_account_id": numbers[bob.user_id]["id"], "amount": "1.00"}
    transfer |= {"to_account_number": numbers[ada.user_id]["account_number"]}
    assert suite.call("transaction", "POST", "/api/transactions/transfer", bob, json=transfer).status_code == 201
    suite.call("reporting", "GET", "/api/reports/transactions", ada)
    suite.call("reporting", "POST", "/api/reports/custom", ada, json={"name": "Mine", "preset": "this_year"})
    letter = {"kind": "question", "subject": "A card", "text": "When does it come?"}
    assert suite.call("auth", "POST", "/api/auth/cases", ada, json=letter).status_code == 201
    return ada


def export_of(suite: Suite, person: Person) -> dict[str, bytes]:
    """Return the files of an export by their names."""
    answer = suite.call("reporting", "GET", "/api/reports/export", person)
    assert (answer.status_code, answer.content_type) == (200, "application/zip"), answer.text
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="my-data-')
    with zipfile.ZipFile(io.BytesIO(answer.data)) as found:
        assert found.testzip() is None
        return {name: found.read(name) for name in found.namelist()}


def test_an_export_has_all_data_as_json_and_csv(suite: Suite, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.http.client.PAGE_ROWS", 3)
    files = export_of(suite, ada)
    tables = {"accounts", "transactions", "sessions", "views"}
    lists = tables | {"reports", "custom_reports", "cases"}
    assert set(files) == {f"{name}.json" for name in lists | {"profile", "contents"}} | {f"{one}.csv" for one in tables}
    read: dict[str, Any] = {name: json.loads(files[f"{name}.json"]) for name in lists | {"profile", "contents"}}
    assert read["profile"]["id"] == ada.user_id
    assert read["contents"]["rows"] == {name: len(read[name]) for name in lists}
    listed = suite.call("transaction", "GET", "/api/transactions/list", ada).json or {}
    assert read["transactions"] == listed["transactions"]
    assert len(read["transactions"]) == 7
    assert len(read["accounts"][0]["account_number"]) == 10
    assert [report["report_type"] for report in read["reports"]] == ["transaction"]
    assert [report["name"] for report in read["custom_reports"]] == ["Mine"]
    assert len(read["sessions"]) >= 1
    assert [message["text"] for case in read["cases"] for message in case["messages"]] == ["When does it come?"]
    assert read["profile"]["identity"]["state"] == "none"
    rows = list(csv.DictReader(io.StringIO(files["transactions.csv"].decode())))
    assert [row["amount"] for row in rows] == [row["amount"] for row in read["transactions"]]
    assert {row["description"] for row in rows} == {"", f"'{FORMULA}"}


def test_an_export_has_nothing_of_others(suite: Suite, ada: Person) -> None:
    files = export_of(suite, suite.person())
    assert json.loads(files["transactions.json"]) == json.loads(files["accounts.json"]) == []
    assert ada.user_id.encode() not in b"".join(files.values())


def test_an_export_is_recorded_in_the_audit_trail(suite: Suite, ada: Person) -> None:
    export_of(suite, ada)
    admin = suite.admin()

    def is_recorded() -> bool:
        found = suite.call("auth", "GET", "/api/auth/audit?action=data.export", admin).json or {}
        return ada.user_id in str(found.get("audit"))

    eventually(is_recorded)


def test_an_unavailable_service_means_503_and_no_export(suite: Suite, ada: Person) -> None:
    suite.adapters["transaction"].down = True
    try:
        answer = suite.call("reporting", "GET", "/api/reports/export", ada)
    finally:
        suite.adapters["transaction"].down = False
    assert (answer.status_code, (answer.json or {})["error_code"]) == (503, "SERVICE_UNAVAILABLE")
    assert suite.call("reporting", "GET", "/api/reports/export").status_code == 401
