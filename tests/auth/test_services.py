"""The internal endpoints for other services, and their client credentials."""

import base64
from typing import Any

import jwt
import pytest

from tests.support.asking import call, refusal, service
from tests.support.suite import Person, Suite


def test_other_services_learn_what_they_need_of_a_person(bank: Suite, ada: Person) -> None:
    answer = bank.call("auth", "GET", f"/internal/users/{ada.user_id}", service(bank, "account-service"))
    user = answer.get_json()["user"]
    assert set(user) == {"id", "username", "full_name", "role", "status"}
    assert (user["id"], user["username"]) == (ada.user_id, "ada")


def test_other_services_learn_of_ended_sessions_and_of_numbers(bank: Suite) -> None:
    gateway, reporting = service(bank, "api-gateway"), service(bank, "reporting-service")
    person = bank.person()
    cursor = bank.call("auth", "GET", "/internal/revocations", gateway).get_json()["cursor"]
    call(bank, "POST", "logout", person)
    feed = bank.call("auth", "GET", f"/internal/revocations?after={cursor}", gateway).get_json()
    sid = jwt.decode(person.token, options={"verify_signature": False})["sid"]
    assert feed["cursor"] == cursor + 1
    assert sid in feed["sessions"]
    for after in ("-1", "x", str(2**63)):
        answer = bank.call("auth", "GET", f"/internal/revocations?after={after}", gateway)
        assert refusal(answer) == (400, "INVALID_REQUEST")
    statistics = bank.call("auth", "GET", "/internal/statistics", reporting).get_json()["statistics"]
    assert statistics["total"] == sum(statistics["by_role"].values()) == sum(statistics["by_status"].values())
    assert statistics["by_role"]["admin"] == 1


def test_a_service_proves_itself_as_json_as_a_form_or_by_basic(bank: Suite) -> None:
    secret = bank.variables["TRANSACTION_SERVICE_SECRET"]
    grant = {"grant_type": "client_credentials"}
    named = {**grant, "client_id": "transaction-service", "client_secret": secret}
    basic = base64.b64encode(f"transaction-service:{secret}".encode()).decode()
    asked: list[dict[str, Any]] = [
        {"json": named},
        {"data": named},
        {"data": grant, "headers": {"Authorization": f"Basic {basic}"}},
        {"json": grant, "headers": {"Authorization": f"Basic {basic}"}},
    ]
    for parts in asked:
        answer = call(bank, "POST", "token", **parts)
        assert answer.status_code == 200
        said = answer.get_json()
        assert set(said) == {"success", "access_token", "token_type", "expires_in", "scope"}
        assert (
            said["scope"]
            == "audit:write names:read permissions:read postings:read postings:write revocations:read sessions:report"
        )
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"client_secret": "wrong"}, 401, "INVALID_CLIENT"),
        ({"client_id": "no-service"}, 401, "INVALID_CLIENT"),
        ({"scope": "postings:write"}, 400, "INVALID_SCOPE"),
        ({"grant_type": "password"}, 400, "INVALID_REQUEST"),
        ({"client_secret": 5}, 400, "INVALID_REQUEST"),
        ({"username": "ada"}, 400, "INVALID_REQUEST"),
    ],
)
def test_wrong_client_credentials_get_no_token(bank: Suite, changes: dict[str, Any], status: int, code: str) -> None:
    named = {"grant_type": "client_credentials", "client_id": "account-service"}
    body = {**named, "client_secret": bank.variables["ACCOUNT_SERVICE_SECRET"], **changes}
    assert refusal(call(bank, "POST", "token", json=body)) == (status, code)


def test_only_json_and_forms_are_read_for_a_service_token(bank: Suite) -> None:
    answer = call(bank, "POST", "token", data="grant_type=client_credentials", content_type="text/plain")
    assert refusal(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")
