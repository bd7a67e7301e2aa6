"""The endpoints of the audit trail: who may read it, what a row has, and what other services may report."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from auth_service.audit.audit_schemas import AuditEntryOut
from tests.support.asking import call, forwarded, refusal, service
from tests.support.suite import ADMIN_PASSWORD, Person, Suite


@pytest.fixture(scope="module")
def employee(bank: Suite) -> Person:
    return bank.employee()


def audit(bank: Suite, admin: Person, **query: str) -> list[dict[str, Any]]:
    answer = call(bank, "GET", "audit", admin, query_string=query)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.get_json()["audit"]
    return rows


def report(bank: Suite, name: str = "account-service", **values: Any) -> Any:
    entry = {"id": str(uuid4()), "action": "view.account", "timestamp": datetime.now(UTC).isoformat(), **values}
    return bank.call("auth", "POST", "/internal/audit", service(bank, name), json={"entries": [entry]})


def test_a_row_says_who_what_when_from_where_and_in_which_request(bank: Suite, admin: Person) -> None:
    headers = {**forwarded(bank, "203.0.113.7"), "X-Request-ID": "row-1", "User-Agent": "a browser"}
    body = {"username": "admin", "password": ADMIN_PASSWORD}
    assert call(bank, "POST", "login", json=body, headers=headers).status_code == 200
    (row,) = audit(bank, admin, q="row-1", action="login")
    assert set(row) == set(AuditEntryOut.model_fields)
    assert (row["actor"], row["actor_id"], row["subject"]) == ("admin", admin.user_id, "admin")
    assert (row["address"], row["user_agent"], row["request_id"]) == ("203.0.113.7", "a browser", "row-1")
    assert (row["outcome"], row["details"], row["timestamp"][-1]) == ("success", {}, "Z")


def test_only_admins_read_the_trail_and_a_refusal_becomes_an_entry(
    bank: Suite, admin: Person, ada: Person, employee: Person
) -> None:
    assert refusal(call(bank, "GET", "audit")) == (401, "AUTHENTICATION_REQUIRED")
    for person in (ada, employee):
        for path in ("audit", "audit/export"):
            assert refusal(call(bank, "GET", path, person)) == (403, "FORBIDDEN")
        rows = audit(bank, admin, action="access", outcome="refused", user_id=person.user_id)
        assert [row["details"]["request"] for row in rows] == ["GET /api/auth/audit/export", "GET /api/auth/audit"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"user_id": "ada"}, "user_id"),
        ({"outcome": "good"}, "outcome"),
        ({"action": "DROP TABLE"}, "action"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2026-02-30"}, "to"),
        ({"limit": "0"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"q": ""}, "q"),
    ],
)
def test_a_query_that_is_not_valid_names_the_field(
    bank: Suite, admin: Person, query: dict[str, str], field: str
) -> None:
    answer = call(bank, "GET", "audit", admin, query_string=query)
    assert refusal(answer) == (400, "INVALID_REQUEST")
    assert list(answer.get_json()["details"]) == [field]


def test_pages_follow_each_other(bank: Suite, admin: Person) -> None:
    first = call(bank, "GET", "audit", admin, query_string={"limit": "1"}).get_json()
    assert first["pagination"]["limit"] == 1
    second = audit(bank, admin, limit="1", cursor=first["pagination"]["next_cursor"])
    assert second[0]["id"] != first["audit"][0]["id"]


def test_an_export_has_all_that_matches_and_becomes_an_entry(bank: Suite, admin: Person) -> None:
    answer = call(bank, "GET", "audit/export", admin, query_string={"action": "login"}).get_json()
    assert {row["action"] for row in answer["audit"]} == {"login"}
    exported = audit(bank, admin, action="audit.export")[0]["details"]
    assert exported == {"rows": len(answer["audit"]), "filters": {"action": "login"}}
    answer = call(bank, "GET", "audit/export", admin, query_string={"limit": "5"})
    assert refusal(answer) == (400, "INVALID_REQUEST")


def test_people_see_who_of_the_staff_looked_at_their_data(
    bank: Suite, admin: Person, ada: Person, employee: Person
) -> None:
    assert call(bank, "GET", f"users/lookup?username={ada.username}", employee).status_code == 200
    assert call(bank, "GET", f"users/{ada.user_id}", admin).status_code == 200
    assert report(bank, actor_id=employee.user_id, subject_id=ada.user_id).status_code == 200
    assert report(bank, actor_id=ada.user_id, subject_id=ada.user_id).status_code == 200
    seen = call(bank, "GET", "audit/mine", ada).get_json()
    assert [(row["action"], row["actor"]) for row in seen["audit"]] == [
        ("view.account", employee.username),
        ("view.person", "admin"),
        ("view.person", employee.username),
    ]
    assert set(seen["audit"][0]) == {"id", "action", "actor", "timestamp"}
    assert call(bank, "GET", "audit/mine", bank.person()).get_json()["audit"] == []
    assert call(bank, "GET", "audit/mine", ada, query_string={"limit": "1"}).get_json()["pagination"]["next_cursor"]


def test_the_list_of_people_is_audited_with_its_filters(bank: Suite, admin: Person) -> None:
    assert call(bank, "GET", "users?q=ada", admin).status_code == 200
    assert audit(bank, admin, action="list.people")[0]["details"] == {"filters": {"q": "ada"}}


def test_services_report_with_their_own_scope_and_name(bank: Suite, admin: Person, ada: Person) -> None:
    marker = uuid4().hex
    assert report(bank, "reporting-service", details={"marker": marker}).status_code == 200
    (row,) = audit(bank, admin, q=marker)
    assert (row["service"], row["outcome"]) == ("reporting-service", "success")
    body = {"entries": [{"id": str(uuid4()), "action": "x", "timestamp": "2026-01-31T12:00:00Z"}]}
    assert refusal(bank.call("auth", "POST", "/internal/audit", admin, json=body)) == (403, "FORBIDDEN")
    assert refusal(bank.call("auth", "POST", "/internal/audit", json=body)) == (401, "AUTHENTICATION_REQUIRED")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"action": "Freeze!"}, "entries.0.action"),
        ({"id": "1"}, "entries.0.id"),
        ({"timestamp": "2026-01-31T12:00:00"}, "entries.0.timestamp"),
        ({"outcome": "maybe"}, "entries.0.outcome"),
        ({"address": "x" * 46}, "entries.0.address"),
        ({"service": "auth-service"}, "entries.0.service"),
    ],
)
def test_a_report_that_is_not_valid_names_the_field(bank: Suite, values: dict[str, Any], field: str) -> None:
    answer = report(bank, **values)
    assert refusal(answer) == (400, "INVALID_REQUEST")
    assert list(answer.get_json()["details"]) == [field]


def test_a_wrong_client_secret_is_audited(bank: Suite, admin: Person) -> None:
    body = {"grant_type": "client_credentials", "client_id": "reporting-service", "client_secret": "wrong"}
    assert call(bank, "POST", "token", json=body).status_code == 401
    row = audit(bank, admin, action="service_token")[0]
    assert (row["outcome"], row["details"]) == ("refused", {"client_id": "reporting-service"})
