"""Which roles may call which endpoint of the auth service."""

import pytest

from tests.support.asking import NOBODY, refusal, service
from tests.support.suite import Person, Suite

PRIVATE = [
    ("POST", "/api/auth/logout"),
    ("GET", "/api/auth/verify_token"),
    ("GET", "/api/auth/verify_admin"),
    ("GET", "/api/auth/users/profile"),
    ("PUT", "/api/auth/users/profile"),
    ("PUT", "/api/auth/update_profile"),
    ("POST", "/api/auth/update_profile"),
    ("POST", "/api/auth/change_password"),
    ("GET", "/api/auth/sessions"),
    ("DELETE", f"/api/auth/sessions/{NOBODY}"),
]
FOR_STAFF = [
    ("GET", "/api/auth/users/lookup"),
    ("GET", "/api/auth/users"),
    ("GET", f"/api/auth/users/{NOBODY}"),
    ("PUT", f"/api/auth/users/{NOBODY}"),
    ("DELETE", f"/api/auth/users/{NOBODY}"),
]
INSIDE = [
    ("GET", "/internal/revocations"),
    ("GET", f"/internal/users/{NOBODY}"),
    ("GET", "/internal/statistics"),
]


@pytest.mark.parametrize(("method", "path"), PRIVATE + FOR_STAFF + INSIDE)
def test_without_a_token_the_answer_is_401_whatever_the_body(bank: Suite, method: str, path: str) -> None:
    answer = bank.call("auth", method, path, data=b"{", content_type="application/json")
    assert refusal(answer) == (401, "AUTHENTICATION_REQUIRED")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), FOR_STAFF + INSIDE)
def test_a_customer_is_refused_at_staff_endpoints(bank: Suite, ada: Person, method: str, path: str) -> None:
    assert refusal(bank.call("auth", method, path, ada, json={})) == (403, "FORBIDDEN")


@pytest.mark.parametrize(("method", "path"), INSIDE)
def test_an_admin_is_refused_at_internal_endpoints(bank: Suite, admin: Person, method: str, path: str) -> None:
    assert refusal(bank.call("auth", method, path, admin)) == (403, "FORBIDDEN")


@pytest.mark.parametrize(("method", "path"), PRIVATE + FOR_STAFF)
def test_a_service_token_is_refused_at_user_endpoints(bank: Suite, method: str, path: str) -> None:
    assert refusal(bank.call("auth", method, path, service(bank, "account-service"), json={})) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("account-service", [200, 404, 403]),
        ("transaction-service", [200, 403, 403]),
        ("reporting-service", [200, 404, 200]),
        ("api-gateway", [200, 403, 403]),
    ],
)
def test_each_service_may_call_what_its_scopes_allow(bank: Suite, name: str, statuses: list[int]) -> None:
    caller = service(bank, name)
    assert [bank.call("auth", method, path, caller).status_code for method, path in INSIDE] == statuses
