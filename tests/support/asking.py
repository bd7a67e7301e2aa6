"""Requests to the auth service, and the keys of its responses."""

from typing import Any
from uuid import uuid4

from werkzeug.test import TestResponse

from tests.support.suite import PASSWORD, Person, Suite

NOBODY = "00000000-0000-4000-8000-000000000000"
LOGIN_KEYS = {
    "success",
    "message",
    "token",
    "refresh_token",
    "token_type",
    "expires_in",
    "user_id",
    "username",
    "role",
}
USER_KEYS = {"id", "username", "email", "full_name", "phone", "role", "status", "mfa_enabled", "created_at"}


def call(bank: Suite, method: str, path: str, person: Person | None = None, **kwargs: Any) -> TestResponse:
    return bank.call("auth", method, f"/api/auth/{path}", person, **kwargs)


def refusal(answer: TestResponse) -> tuple[int, str]:
    body = answer.get_json()
    assert set(body) == {"success", "message", "error_code", "details"}
    return answer.status_code, body["error_code"]


def registration(**changes: Any) -> dict[str, Any]:
    username = f"user-{uuid4().hex[:12]}"
    return {"username": username, "email": f"{username}@example.com", "password": PASSWORD, **changes}


def forwarded(bank: Suite, address: str) -> dict[str, str]:
    """Return the headers with which the gateway tells a service where a request comes from."""
    return {"X-Forwarded-For": address, "X-Forwarded-By": service(bank, "api-gateway").token}


def service(bank: Suite, name: str) -> Person:
    """Return a caller with the token of a service."""
    variable = f"{name.upper().replace('-', '_')}_SECRET"
    body = {"grant_type": "client_credentials", "client_id": name, "client_secret": bank.variables[variable]}
    answer = call(bank, "POST", "token", json=body)
    assert answer.status_code == 200, answer.text
    return Person(bank, "", name, answer.get_json()["access_token"])
