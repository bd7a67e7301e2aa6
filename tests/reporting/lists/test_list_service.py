"""Exports of the staff's lists over the real services: every row, the filters and the permission of the list."""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import TestResponse

from reporting_service.lists.list_schemas import LISTS
from tests.support.processes import eventually
from tests.support.suite import Person, Suite

FORMULA = "=HYPERLINK(1)"


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Suite]:
    names = ("auth", "account", "transaction", "reporting")
    suite = Suite(tmp_path_factory.mktemp("bank"), names, database=database, APPROVAL_REQUIRED="1").start()
    yield suite
    suite.stop()


@pytest.fixture(scope="module")
def admin(suite: Suite) -> Person:
    return suite.admin()


@pytest.fixture(scope="module")
def clerk(suite: Suite) -> Person:
    """The first colleague, whom the admin may appoint alone."""
    return suite.employee("clerk")


@pytest.fixture(scope="module")
def ada(suite: Suite, clerk: Person, admin: Person) -> Person:
    """Ada, with payments, a message, and requests of every kind about her."""
    ada = suite.person("ada")
    name = {"full_name": "Ada, of “Lovelace”"}
    assert suite.call("auth", "PUT", "/api/auth/users/profile", ada, json=name).status_code == 200
    account = ada.open("50.00")
    made = [ada.pay("deposit", account_id=account["id"], amount="1.00", description=FORMULA) for _ in range(4)]
    letter = {"kind": "question", "subject": "A card", "text": "When does it come?"}
    assert suite.call("auth", "POST", "/api/auth/cases", ada, json=letter).status_code == 201
    frozen, lifted = ({"status": status, "reason": "To be sure"} for status in ("frozen", "active"))
    asked: tuple[tuple[str, str, str, Person, dict[str, str]], ...] = (
        ("transaction", "POST", f"/api/transactions/reverse/{made[0]['transaction']['id']}", admin, {}),
        ("account", "PUT", f"/api/accounts/update/{account['id']}", admin, frozen),
        ("account", "PUT", f"/api/accounts/update/{account['id']}", clerk, lifted),
        ("auth", "PUT", f"/api/auth/users/{ada.user_id}", admin, {"role": "employee", "reason": "To help us"}),
    )
    statuses = [suite.call(name, method, path, who, json=body).status_code for name, method, path, who, body in asked]
    assert statuses == [202, 200, 202, 202]
    return ada


def export(suite: Suite, name: str, person: Person, query: str = "") -> TestResponse:
    return suite.call("reporting", "GET", f"/api/reports/lists/{name}?{query}", person)


def rows_of(answer: TestResponse) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    assert answer.data.count(b"\n") == answer.data.count(b"\r\n")  # RFC 4180
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8"), newline="")))


def listed(suite: Suite, name: str, person: Person) -> list[dict[str, Any]]:
    """Return the rows of the lists themselves, by the API."""
    found = []
    for source in LISTS[name].sources.values():
        answer = suite.call(source.service, "GET", f"{source.path}?limit=200", person)
        assert answer.status_code == 200, answer.text
        found += (answer.json or {})[source.key]
    return found


@pytest.mark.parametrize("name", LISTS)
def test_an_export_has_every_row_of_the_list(
    suite: Suite, ada: Person, admin: Person, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.http.client.PAGE_ROWS", 2)
    answer = export(suite, name, admin)
    rows = rows_of(answer)
    exported, expected = [row["id"] for row in rows], {row["id"] for row in listed(suite, name, admin)}
    assert len(rows) == len(set(exported)) > 0
    assert expected >= set(exported)
    assert expected == set(exported) or name == "audit"  # the trail has grown by the export itself
    assert list(rows[0]) == list(LISTS[name].columns)
    assert answer.content_type == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="{name}-')


def test_cells_hold_text_as_it_is_but_no_formulas(suite: Suite, ada: Person, admin: Person) -> None:
    payments = rows_of(export(suite, "transactions", admin, "type=deposit"))
    assert {row["description"] for row in payments} == {"", f"'{FORMULA}"}
    assert {row["amount"] for row in payments} == {"1.00", "50.00"}
    assert {row["to_name"] for row in payments} == {"Ada, of “Lovelace”"}
    (account,) = rows_of(export(suite, "accounts", admin))
    assert (account["owner_name"], account["balance"]) == ("Ada, of “Lovelace”", "54.00")


def test_requests_of_all_kinds_are_in_one_export(suite: Suite, ada: Person, admin: Person) -> None:
    rows = rows_of(export(suite, "approvals", admin, "status=pending"))
    assert [(row["kind"], row["action"]) for row in rows] == [
        ("people", "change_role"),
        ("accounts", "unfreeze"),
        ("payments", "reverse"),
    ]
    assert (rows[0]["username"], rows[0]["asked_because"], rows[2]["amount"]) == ("ada", "To help us", "1.00")
    assert [row["kind"] for row in rows_of(export(suite, "approvals", admin, "kind=people"))] == ["people"]
    assert list((export(suite, "approvals", admin, "kind=pets").json or {})["details"]) == ["kind"]


@pytest.mark.parametrize("query", ["status=lost", "nothing=1", "limit=5", "cursor=x", "limit=5&q=ada"])
def test_a_filter_that_the_list_does_not_take_is_400_and_names_the_field(
    suite: Suite, admin: Person, query: str
) -> None:
    answer = export(suite, "customers", admin, query)
    assert (answer.status_code, list((answer.json or {})["details"])) == (400, [query.partition("=")[0]])


def test_only_who_may_see_a_list_may_export_it(suite: Suite, ada: Person, clerk: Person, admin: Person) -> None:
    assert {name: export(suite, name, ada).status_code for name in LISTS} == dict.fromkeys(LISTS, 403)
    refused = {name for name in LISTS if export(suite, name, clerk).status_code == 403}
    assert refused == {"users", "audit"}
    assert export(suite, "secrets", admin).status_code == 404
    assert suite.call("reporting", "GET", "/api/reports/lists/customers").status_code == 401


def test_an_export_is_audited_with_its_filters(suite: Suite, ada: Person, clerk: Person, admin: Person) -> None:
    export(suite, "customers", clerk, "q=ada")

    def is_recorded() -> bool:
        answer = suite.call("auth", "GET", "/api/auth/audit?action=export.customers&actor=clerk", admin)
        return {"filters": {"q": "ada"}, "rows": 1} in [entry["details"] for entry in (answer.json or {})["audit"]]

    eventually(is_recorded)


def test_a_service_that_is_away_means_503_and_no_half_a_list(suite: Suite, ada: Person, admin: Person) -> None:
    suite.adapters["account"].down = True
    try:
        answer = export(suite, "approvals", admin)
    finally:
        suite.adapters["account"].down = False
    assert (answer.status_code, (answer.json or {})["error_code"]) == (503, "SERVICE_UNAVAILABLE")
