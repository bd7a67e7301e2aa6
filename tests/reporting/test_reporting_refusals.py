"""Which requests for reports are refused, and how."""

from uuid import uuid4

import pytest

from tests.support.suite import Person, Suite


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    return bank.person()


@pytest.fixture(scope="module")
def admin(bank: Suite) -> Person:
    return bank.admin()


@pytest.fixture(scope="module")
def account_id(ada: Person) -> str:
    return str(ada.open()["id"])


@pytest.mark.parametrize("path", ["system", "all"])
def test_only_admins_may_call_admin_endpoints(bank: Suite, ada: Person, path: str) -> None:
    answer = bank.call("reporting", "GET", f"/api/reports/{path}", ada)
    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["error_code"] == "FORBIDDEN"


@pytest.mark.parametrize("path", ["account/nobody", "transactions", "system", "list", "details/none", "all"])
def test_reports_need_a_login(bank: Suite, path: str) -> None:
    path = path.replace("nobody", str(uuid4())).replace("none", str(uuid4()))
    answer = bank.call("reporting", "GET", f"/api/reports/{path}?start_date=nonsense&limit=nonsense")
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["account/mine", "transactions", "system"])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"start_date": "yesterday"}, "start_date"),
        ({"end_date": "2026-02-30"}, "end_date"),
        ({"end_date": "31.01.2026"}, "end_date"),
        ({"start_date": "2026-01-31T12:00:00Z"}, "start_date"),
        ({"start_date": "1767225600"}, "start_date"),
        ({"start_date": ""}, "start_date"),
        ({"start_date": "20260131"}, "start_date"),
        ({"start_date": "0001-01-01"}, "start_date"),
        ({"start_date": "2026-01-02", "end_date": "2026-01-01"}, "start_date"),
        ({"start_date": "1990-01-01", "end_date": "2026-01-01"}, "start_date"),
    ],
)
def test_an_invalid_period_is_refused_by_field(
    bank: Suite, admin: Person, account_id: str, path: str, query: dict[str, str], field: str
) -> None:
    path = path.replace("mine", account_id)
    answer = bank.call("reporting", "GET", f"/api/reports/{path}", admin, query_string=query)
    assert answer.status_code == 400
    assert answer.json is not None
    assert set(answer.json) == {"success", "message", "error_code", "details"}
    assert set(answer.json["details"]) == {field}


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "many"}, {"cursor": "nonsense"}])
@pytest.mark.parametrize("path", ["list", "all"])
def test_an_unreadable_page_is_refused(bank: Suite, admin: Person, path: str, query: dict[str, str]) -> None:
    answer = bank.call("reporting", "GET", f"/api/reports/{path}", admin, query_string=query)
    assert answer.status_code == 400
    assert answer.json is not None
    assert set(answer.json["details"]) == set(query)


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("account/mine", "account"),
        ("account/mine", "transaction"),
        ("transactions", "transaction"),
        ("system", "auth"),
        ("system", "account"),
        ("system", "transaction"),
    ],
)
def test_an_unavailable_source_means_503_and_nothing_stored(
    bank: Suite, admin: Person, account_id: str, path: str, source: str
) -> None:
    def stored() -> list[str]:
        listed = bank.call("reporting", "GET", "/api/reports/list?limit=200", admin).get_json()
        return [report["id"] for report in listed["reports"]]

    path = path.replace("mine", account_id)
    before = stored()
    adapter = bank.adapters[source]
    adapter.down = True
    try:
        answer = bank.call("reporting", "GET", f"/api/reports/{path}", admin)
    finally:
        adapter.down = False
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["error_code"] == "SERVICE_UNAVAILABLE"
    assert stored() == before
