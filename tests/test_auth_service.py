"""The endpoints of the auth service: who may call them, what they answer, what they refuse."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from openapi_spec_validator import validate
from werkzeug.test import TestResponse

from auth_service.auth_service import AuthSettings
from shared import secret_files
from tests.processes import eventually
from tests.suite import ADMIN_PASSWORD, PASSWORD, Person, Suite

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
USER_KEYS = {"id", "username", "email", "full_name", "phone", "role", "status", "created_at"}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    suite = Suite(tmp_path_factory.mktemp("bank"), names=("auth", "account")).start()
    yield suite
    suite.stop()


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    return bank.person("ada")


@pytest.fixture(scope="module")
def admin(bank: Suite) -> Person:
    return bank.admin()


def call(bank: Suite, method: str, path: str, person: Person | None = None, **kwargs: Any) -> TestResponse:
    return bank.call("auth", method, f"/api/auth/{path}", person, **kwargs)


def refusal(answer: TestResponse) -> tuple[int, str]:
    body = answer.get_json()
    assert set(body) == {"success", "message", "error_code", "details"}
    return answer.status_code, body["error_code"]


def registration(**changes: Any) -> dict[str, Any]:
    username = f"user-{uuid4().hex[:12]}"
    return {"username": username, "email": f"{username}@example.com", "password": PASSWORD, **changes}


def service(bank: Suite, name: str) -> Person:
    """A service, so that it can call."""
    variable = f"{name.upper().replace('-', '_')}_SECRET"
    body = {"grant_type": "client_credentials", "client_id": name, "client_secret": bank.variables[variable]}
    answer = call(bank, "POST", "token", json=body)
    assert answer.status_code == 200, answer.text
    return Person("", name, answer.get_json()["access_token"], "")


NOBODY = "00000000-0000-4000-8000-000000000000"
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
FOR_ADMINS = [
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


@pytest.mark.parametrize(("method", "path"), PRIVATE + FOR_ADMINS + INSIDE)
def test_without_a_token_the_answer_is_401_whatever_the_body(bank: Suite, method: str, path: str) -> None:
    answer = bank.call("auth", method, path, data=b"{", content_type="application/json")
    assert refusal(answer) == (401, "AUTHENTICATION_REQUIRED")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), FOR_ADMINS + INSIDE)
def test_a_customer_is_forbidden_what_is_not_for_customers(bank: Suite, ada: Person, method: str, path: str) -> None:
    assert refusal(bank.call("auth", method, path, ada, json={})) == (403, "FORBIDDEN")


@pytest.mark.parametrize(("method", "path"), INSIDE)
def test_not_even_an_admin_goes_inside(bank: Suite, admin: Person, method: str, path: str) -> None:
    assert refusal(bank.call("auth", method, path, admin)) == (403, "FORBIDDEN")


@pytest.mark.parametrize(("method", "path"), PRIVATE + FOR_ADMINS)
def test_a_service_is_no_person(bank: Suite, method: str, path: str) -> None:
    assert refusal(bank.call("auth", method, path, service(bank, "account-service"), json={})) == (403, "FORBIDDEN")


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("account-service", [200, 404, 403]),
        ("transaction-service", [200, 403, 403]),
        ("reporting-service", [200, 403, 200]),
        ("api-gateway", [200, 403, 403]),
    ],
)
def test_each_service_reaches_what_its_scopes_say(bank: Suite, name: str, statuses: list[int]) -> None:
    caller = service(bank, name)
    assert [bank.call("auth", method, path, caller).status_code for method, path in INSIDE] == statuses


def test_who_registers_is_a_customer_and_can_log_in(bank: Suite) -> None:
    body = registration(username="Grace.Hopper_1906", email="Grace@navy.example")
    answer = call(bank, "POST", "register", json=body)
    user = answer.get_json()["user"]
    assert answer.status_code == 201
    assert user == {
        "id": answer.get_json()["user_id"],
        "username": "Grace.Hopper_1906",
        "email": "Grace@navy.example",
        "full_name": None,
        "phone": None,
        "role": "customer",
        "status": "active",
        "created_at": user["created_at"],
    }
    assert user["created_at"].endswith("Z")
    login = call(bank, "POST", "login", json={"username": "grace.hopper_1906", "password": PASSWORD})
    said = login.get_json()
    assert (login.status_code, set(said)) == (200, LOGIN_KEYS)
    expected = {"user_id": user["id"], "username": "Grace.Hopper_1906", "role": "customer"}
    assert said == {**said, **expected, "token_type": "Bearer", "expires_in": 3600}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"username": "ab"}, "username"),
        ({"username": "x" * 51}, "username"),
        ({"username": "two words"}, "username"),
        ({"username": "zoë"}, "username"),
        ({"username": "ada\n"}, "username"),
        ({"username": 12345}, "username"),
        ({"username": None}, "username"),
        ({"email": "no-address"}, "email"),
        ({"email": "a@b"}, "email"),
        ({"email": "a b@example.com"}, "email"),
        ({"email": "a@example.com\n"}, "email"),
        ({"email": "a@" + "x" * 95 + ".com"}, "email"),
        ({"password": "elevenchars"}, "password"),
        ({"password": "x1" * 65}, "password"),
        ({"password": "twelve\x00chars"}, "password"),
        ({"password": "password1234"}, "password"),
        ({"password": "aaaaaaaaaaaa"}, "password"),
        ({"username": "linus-torvalds", "password": "Linus-Torvalds"}, "password"),
        ({"role": "admin"}, "role"),
        ({"status": "active"}, "status"),
    ],
)
def test_a_registration_that_is_not_valid_names_the_field(bank: Suite, changes: dict[str, Any], field: str) -> None:
    answer = call(bank, "POST", "register", json=registration(**changes))
    assert refusal(answer) == (400, "INVALID_REQUEST")
    assert list(answer.get_json()["details"]) == [field]


def test_what_is_wrong_is_said_in_plain_words(bank: Suite) -> None:
    body = {"username": "a b", "password": "short", "x": 1}
    assert call(bank, "POST", "register", json=body).get_json()["details"] == {
        "username": "must be 3 to 50 letters, digits, dots, hyphens or underscores",
        "email": "is required",
        "password": "must have at least 12 characters",
        "x": "is not a known field",
    }


def test_a_taken_name_or_address_is_409(bank: Suite, ada: Person) -> None:
    name = call(bank, "POST", "register", json=registration(username=ada.username.upper()))
    address = call(bank, "POST", "register", json=registration(email=f"{ada.username.upper()}@example.com"))
    assert (refusal(name), list(name.get_json()["details"])) == ((409, "USERNAME_TAKEN"), ["username"])
    assert (refusal(address), list(address.get_json()["details"])) == ((409, "EMAIL_TAKEN"), ["email"])


def test_of_four_registrations_of_a_name_at_once_one_succeeds(bank: Suite) -> None:
    body = registration()
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda _: call(bank, "POST", "register", json=body).status_code, range(4))
        assert sorted(answers) == [201, 409, 409, 409]


@pytest.mark.parametrize(
    ("status", "code", "parts"),
    [
        (400, "INVALID_REQUEST", {"data": '{"username": "ada", "username": "bob", "password": "x"}'}),
        (400, "INVALID_REQUEST", {"data": '{"username": "ada", "password": "x", "otp": "123456"}'}),
        (400, "INVALID_REQUEST", {"data": '{"username": "ada\\u0000", "password": "x"}'}),
        (400, "INVALID_REQUEST", {"data": '{"username": "ada", "password": "\\ud800"}'}),
        (400, "INVALID_REQUEST", {"data": '["ada", "x"]'}),
        (400, "INVALID_REQUEST", {"data": "{"}),
        (400, "INVALID_REQUEST", {"data": b"\xff"}),
        (400, "INVALID_REQUEST", {"data": ""}),
        (413, "PAYLOAD_TOO_LARGE", {"data": b" " * 70_000}),
        (415, "UNSUPPORTED_MEDIA_TYPE", {"data": "username=ada&password=x", "content_type": "text/plain"}),
        (
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            {"data": "username=ada&password=x", "content_type": "application/x-www-form-urlencoded"},
        ),
    ],
)
def test_bodies_are_read_strictly(bank: Suite, status: int, code: str, parts: dict[str, Any]) -> None:
    for path in ("login", "register", "refresh"):
        answer = call(bank, "POST", path, **{"content_type": "application/json", **parts})
        assert refusal(answer) == (status, code)


def test_a_wrong_login_is_401_and_tells_nothing(bank: Suite, ada: Person) -> None:
    answers = [
        call(bank, "POST", "login", json={"username": username, "password": "not the password"})
        for username in (ada.username, "nobody-of-that-name")
    ]
    assert {refusal(answer) for answer in answers} == {(401, "INVALID_CREDENTIALS")}
    assert answers[0].get_json() == answers[1].get_json()


def test_a_locked_name_is_429_and_stays_so_after_a_restart(bank: Suite) -> None:
    body = {"username": "somebody-guessed", "password": "wrong"}
    assert [call(bank, "POST", "login", json=body).status_code for _ in range(6)] == [401] * 5 + [429]
    bank.restart("auth")
    answer = call(bank, "POST", "login", json=body)
    assert refusal(answer) == (429, "TOO_MANY_ATTEMPTS")
    assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_tokens_survive_a_restart(bank: Suite, ada: Person) -> None:
    keys = call(bank, "GET", "jwks").get_json()
    bank.restart("auth")
    assert call(bank, "GET", "jwks").get_json() == keys
    assert call(bank, "GET", "verify_token", ada).status_code == 200


def test_a_token_says_whose_it_is(bank: Suite, ada: Person, admin: Person) -> None:
    said = call(bank, "GET", "verify_token", ada).get_json()
    assert said == {
        "success": True,
        "user_id": ada.user_id,
        "username": "ada",
        "email": "ada@example.com",
        "role": "customer",
        "status": "active",
    }
    assert call(bank, "GET", "verify_admin", ada).get_json() == {"success": True, "is_admin": False}
    assert call(bank, "GET", "verify_admin", admin).get_json() == {"success": True, "is_admin": True}


def test_a_refresh_answers_as_a_login_does_and_works_once(bank: Suite) -> None:
    person = bank.person()
    answer = call(bank, "POST", "refresh", json={"refresh_token": person.refresh_token})
    assert set(answer.get_json()) == LOGIN_KEYS - {"message"}
    again = call(bank, "POST", "refresh", json={"refresh_token": person.refresh_token})
    assert refusal(again) == (401, "INVALID_TOKEN")
    renewed = Person(person.user_id, person.username, answer.get_json()["token"], "")
    assert refusal(call(bank, "GET", "verify_token", renewed)) == (401, "INVALID_TOKEN")


def test_logging_out_reaches_the_other_services_within_a_second(bank: Suite) -> None:
    person = bank.person()

    def status_elsewhere() -> int:
        return bank.call("account", "GET", "/api/accounts/list", person).status_code

    assert status_elsewhere() == 200
    assert call(bank, "POST", "logout", person).status_code == 200
    assert refusal(call(bank, "GET", "verify_token", person)) == (401, "INVALID_TOKEN")
    eventually(lambda: status_elsewhere() == 401, within_seconds=1.0)
    assert refusal(call(bank, "POST", "logout", person)) == (401, "INVALID_TOKEN")


def test_people_change_what_is_theirs(bank: Suite) -> None:
    person = bank.person()
    for method, path in (("PUT", "users/profile"), ("PUT", "update_profile"), ("POST", "update_profile")):
        name = f"By {method} {path}"
        answer = call(bank, method, path, person, json={"full_name": name, "phone": "+44 20 7946 0958"})
        assert answer.status_code == 200
        user = call(bank, "GET", "users/profile", person).get_json()["user"]
        assert answer.get_json()["user"] == user
        assert (set(user), user["full_name"], user["phone"]) == (USER_KEYS, name, "+44 20 7946 0958")
    answer = call(bank, "PUT", "users/profile", person, json={"phone": None})
    assert (answer.get_json()["user"]["full_name"], answer.get_json()["user"]["phone"]) == (name, None)


def test_another_address_needs_the_password(bank: Suite, ada: Person) -> None:
    person, email = bank.person(), f"{uuid4().hex}@example.com"

    def change(**body: str) -> TestResponse:
        return call(bank, "PUT", "users/profile", person, json={"email": email, **body})

    assert refusal(change()) == (400, "INVALID_REQUEST")
    assert refusal(change(current_password="wrong")) == (400, "INVALID_CREDENTIALS")
    assert list(change().get_json()["details"]) == ["current_password"]
    assert change(current_password=PASSWORD).get_json()["user"]["email"] == email
    assert refusal(change(current_password=PASSWORD, email="ADA@example.com")) == (409, "EMAIL_TAKEN")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"current_password": PASSWORD}, "body"),
        ({"full_name": ""}, "full_name"),
        ({"full_name": "   "}, "full_name"),
        ({"full_name": "x" * 101}, "full_name"),
        ({"full_name": "Ada\nLovelace"}, "full_name"),
        ({"full_name": "Ada\x00"}, "full_name"),
        ({"full_name": "Ada\u202e"}, "full_name"),
        ({"phone": "call me"}, "phone"),
        ({"phone": "+"}, "phone"),
        ({"phone": "1" * 31}, "phone"),
        ({"email": None}, "email"),
        ({"email": "nowhere"}, "email"),
        ({"role": "admin"}, "role"),
        ({"username": "other"}, "username"),
        ({"status": "active", "full_name": "Ada"}, "status"),
    ],
)
def test_a_profile_that_is_not_valid_names_the_field(
    bank: Suite, ada: Person, body: dict[str, Any], field: str
) -> None:
    answer = call(bank, "PUT", "users/profile", ada, json=body)
    assert refusal(answer) == (400, "INVALID_REQUEST")
    assert list(answer.get_json()["details"]) == [field]


def test_a_new_password_ends_the_other_sessions(bank: Suite) -> None:
    here = bank.person()
    there = bank.log_in(here.username, PASSWORD)

    def change(current: str, new: str) -> TestResponse:
        return call(bank, "POST", "change_password", here, json={"current_password": current, "new_password": new})

    for current, new, code, field in (
        ("wrong", "another long passphrase", "INVALID_CREDENTIALS", "current_password"),
        (PASSWORD, "too short", "INVALID_REQUEST", "new_password"),
        (PASSWORD, "123456789012", "INVALID_REQUEST", "new_password"),
    ):
        answer = change(current, new)
        assert refusal(answer) == (400, code)
        assert list(answer.get_json()["details"]) == [field]
    assert change(PASSWORD, "another long passphrase").status_code == 200
    assert call(bank, "GET", "verify_token", here).status_code == 200
    assert call(bank, "GET", "verify_token", there).status_code == 401
    bank.log_in(here.username, "another long passphrase")


def test_people_see_where_they_are_logged_in_and_log_out_there(bank: Suite) -> None:
    here = bank.person()
    headers = {"X-Forwarded-For": "10.0.0.1, 192.0.2.44", "User-Agent": "Browser/" + "9" * 300}
    login = call(bank, "POST", "login", json={"username": here.username, "password": PASSWORD}, headers=headers)
    there = Person(here.user_id, here.username, login.get_json()["token"], "")
    sessions = call(bank, "GET", "sessions", here).get_json()["sessions"]
    assert [session["current"] for session in sessions] == [False, True]
    assert set(sessions[0]) == {"id", "ip", "user_agent", "created_at", "last_used_at", "current"}
    assert (sessions[0]["ip"], sessions[1]["ip"]) == ("192.0.2.44", "127.0.0.1")
    assert sessions[0]["user_agent"] == "Browser/" + "9" * 192
    claims = jwt.decode(there.token, options={"verify_signature": False})
    assert sessions[0]["id"] == claims["sid"]
    path = f"sessions/{sessions[0]['id']}"
    assert refusal(call(bank, "DELETE", path, bank.admin())) == (404, "NOT_FOUND")
    assert call(bank, "DELETE", path, here).status_code == 200
    assert refusal(call(bank, "DELETE", path, here)) == (404, "NOT_FOUND")
    assert call(bank, "GET", "verify_token", there).status_code == 401
    page = call(bank, "GET", "sessions?limit=1", here).get_json()
    assert ([session["current"] for session in page["sessions"]], page["pagination"]["next_cursor"]) == ([True], None)


def test_an_admin_finds_and_changes_people(bank: Suite, admin: Person) -> None:
    person = bank.person()
    found = call(bank, "GET", f"users?q={person.username}&role=customer&status=active&limit=1", admin).get_json()
    assert ([set(user) for user in found["users"]], found["pagination"]) == (
        [USER_KEYS | {"locked_until"}],
        {"limit": 1, "next_cursor": None},
    )
    path = f"users/{person.user_id}"
    assert {**call(bank, "GET", path, admin).get_json()["user"], "locked_until": None} == found["users"][0]
    promoted = call(bank, "PUT", path, admin, json={"role": "employee"})
    assert promoted.get_json()["user"]["role"] == "employee"
    assert call(bank, "GET", "verify_token", person).status_code == 401
    person = bank.log_in(person.username, PASSWORD)
    assert call(bank, "DELETE", path, admin).get_json()["user"]["status"] == "disabled"
    assert call(bank, "DELETE", path, admin).status_code == 200
    assert call(bank, "GET", "verify_token", person).status_code == 401
    login = {"username": person.username, "password": PASSWORD}
    assert refusal(call(bank, "POST", "login", json=login)) == (401, "INVALID_CREDENTIALS")
    refreshed = call(bank, "POST", "refresh", json={"refresh_token": person.refresh_token})
    assert refusal(refreshed) == (401, "INVALID_TOKEN")
    assert call(bank, "PUT", path, admin, json={"status": "active"}).get_json()["user"]["status"] == "active"
    bank.log_in(person.username, PASSWORD)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"role": "owner"}, "role"),
        ({"role": None}, "role"),
        ({"status": "deleted"}, "status"),
        ({"username": "other"}, "username"),
        ({"status": "active", "password": PASSWORD}, "password"),
    ],
)
def test_a_change_by_an_admin_that_is_not_valid_names_the_field(
    bank: Suite, ada: Person, admin: Person, body: dict[str, Any], field: str
) -> None:
    answer = call(bank, "PUT", f"users/{ada.user_id}", admin, json=body)
    assert refusal(answer) == (400, "INVALID_REQUEST")
    assert list(answer.get_json()["details"]) == [field]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "cursor=x", "role=owner", "status=gone", "q=", "q=%00"])
def test_a_query_that_is_not_valid_names_the_field(bank: Suite, admin: Person, query: str) -> None:
    answer = call(bank, "GET", f"users?{query}", admin)
    assert refusal(answer) == (400, "INVALID_REQUEST")
    assert list(answer.get_json()["details"]) == [query.partition("=")[0]]


def test_the_last_admin_stays(bank: Suite, admin: Person) -> None:
    assert refusal(call(bank, "DELETE", f"users/{admin.user_id}", admin)) == (409, "LAST_ADMIN")
    demoted = call(bank, "PUT", f"users/{admin.user_id}", admin, json={"role": "customer"})
    assert refusal(demoted) == (409, "LAST_ADMIN")
    assert call(bank, "GET", "verify_admin", admin).get_json()["is_admin"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_nobody_is_404(bank: Suite, admin: Person, method: str) -> None:
    answer = call(bank, method, f"users/{NOBODY}", admin, json={"role": "customer"})
    assert refusal(answer) == (404, "NOT_FOUND")


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
        assert said["scope"] == "postings:write revocations:read"
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
def test_who_is_no_service_gets_no_token(bank: Suite, changes: dict[str, Any], status: int, code: str) -> None:
    named = {"grant_type": "client_credentials", "client_id": "account-service"}
    body = {**named, "client_secret": bank.variables["ACCOUNT_SERVICE_SECRET"], **changes}
    assert refusal(call(bank, "POST", "token", json=body)) == (status, code)


def test_only_json_and_forms_are_read_for_a_service_token(bank: Suite) -> None:
    answer = call(bank, "POST", "token", data="grant_type=client_credentials", content_type="text/plain")
    assert refusal(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


def forged(bank: Suite, person: Person, key: Any, algorithm: str, **changes: Any) -> Person:
    header = jwt.get_unverified_header(person.token)
    claims = {**jwt.decode(person.token, options={"verify_signature": False}), **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    token = jwt.encode(claims, key, algorithm=algorithm, headers={"kid": header["kid"]})
    return Person(person.user_id, person.username, token, "")


def test_forged_tokens_are_refused(bank: Suite, ada: Person) -> None:
    (public,) = call(bank, "GET", "jwks").get_json()["keys"]
    raw = base64.urlsafe_b64decode(public["x"] + "=")
    header, _, signature = ada.token.split(".")
    said = jwt.decode(ada.token, options={"verify_signature": False})
    body = base64.urlsafe_b64encode(json.dumps({**said, "role": "admin"}).encode()).decode().rstrip("=")
    forgeries = [
        forged(bank, ada, None, "none", role="admin"),
        forged(bank, ada, raw, "HS256", role="admin"),
        forged(bank, ada, Ed25519PrivateKey.generate(), "EdDSA", role="admin"),
        Person(ada.user_id, "ada", f"{header}.{body}.{signature}", ""),
    ]
    for person in forgeries:
        assert refusal(call(bank, "GET", "users", person)) == (401, "INVALID_TOKEN")


def test_a_token_signed_with_our_key_but_wrong_claims_is_refused(bank: Suite, ada: Person) -> None:
    """Nobody else has the key; still, each claim is looked at."""
    der = base64.b64decode(bank.variables["AUTH_SIGNING_KEY"])
    ours = Ed25519PrivateKey.from_private_bytes(der[-32:])
    assert call(bank, "GET", "verify_token", forged(bank, ada, ours, "EdDSA")).status_code == 200
    for changes in (
        {"aud": "services"},
        {"aud": "somebody"},
        {"iss": "somebody"},
        {"sid": None},
        {"jti": None},
        {"exp": None},
        {"role": None},
        {"sid": NOBODY},
    ):
        assert refusal(call(bank, "GET", "verify_token", forged(bank, ada, ours, "EdDSA", **changes)))[0] == 401
    expired = forged(bank, ada, ours, "EdDSA", exp=1)
    assert refusal(call(bank, "GET", "verify_token", expired)) == (401, "TOKEN_EXPIRED")


def test_a_flood_of_logins_keeps_nobody_else_waiting(bank: Suite, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, finish = threading.Semaphore(0), threading.Event()

    def stuck(_password: str) -> str:
        begun.release()
        finish.wait(20)
        return "hash"

    monkeypatch.setattr("shared.passwords.generate_password_hash", stuck)
    monkeypatch.setattr("shared.passwords.WAIT_SECONDS", 0.2)
    logins = [{"username": f"nobody-{number}", "password": "wrong"} for number in range(70)]
    with ThreadPoolExecutor(70) as pool:
        answers = [pool.submit(call, bank, "POST", "login", json=body) for body in logins]
        assert begun.acquire(timeout=10)
        assert call(bank, "GET", "verify_token", ada).status_code == 200
        eventually(lambda: sum(answer.done() for answer in answers) >= 60)
        finish.set()
        statuses = [answer.result().status_code for answer in answers]
    assert set(statuses) == {401, 503}
    refused = next(answer.result() for answer in answers if answer.result().status_code == 503)
    assert refusal(refused) == (503, "SERVICE_UNAVAILABLE")
    assert int(refused.headers["Retry-After"]) >= 1


def test_the_openapi_is_valid_and_complete(bank: Suite) -> None:
    document = bank.call("auth", "GET", "/openapi.json").get_json()
    validate(document)
    assert "ClientCredentials" in document["components"]["schemas"]
    assert document["paths"]["/api/auth/token"]["post"]["requestBody"]


def variables(data_dir: Path, **changes: str) -> dict[str, str]:
    return {**Suite(data_dir, names=()).variables, **changes}


def test_services_are_known_by_their_secrets_or_by_the_kept_digests(tmp_path: Path) -> None:
    kept = {"account-service": "a" * 64, "api-gateway": "b" * 64}
    secret_files.write(secret_files.folder(tmp_path) / "service_digests.json", json.dumps(kept))
    given = variables(tmp_path)
    for name in ("ACCOUNT_SERVICE_SECRET", "TRANSACTION_SERVICE_SECRET", "REPORTING_SERVICE_SECRET"):
        del given[name]
    digests = AuthSettings.load(**given).client_digests()
    gateway = hashlib.sha256(given["API_GATEWAY_SECRET"].encode()).hexdigest()
    assert digests == {"account-service": "a" * 64, "api-gateway": gateway}


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("AUTH_SIGNING_KEY", "", "Field required"),
        ("AUTH_SIGNING_KEY", "bm8ga2V5", "Ed25519"),
        ("ADMIN_PASSWORD", "short", "at least 12 characters"),
        ("ADMIN_PASSWORD", "password1234", "tried first"),
        ("ADMIN_PASSWORD", "the-boss-1234", "own name"),
        ("ADMIN_USERNAME", "a b", "3 to 50"),
        ("ACCOUNT_SERVICE_SECRET", "short", "at least 32 characters"),
    ],
)
def test_with_a_bad_setting_it_does_not_start_and_says_which(
    tmp_path: Path, variable: str, value: str, why: str
) -> None:
    given = variables(tmp_path, **{"ADMIN_USERNAME": "the-boss-", variable: value})
    with pytest.raises(SystemExit) as ended:
        AuthSettings.load(**given)
    assert variable in str(ended.value)
    assert why in str(ended.value)


def test_the_first_admin_has_the_given_name_and_password(bank: Suite, admin: Person) -> None:
    assert bank.log_in("admin", ADMIN_PASSWORD).user_id == admin.user_id
    assert call(bank, "GET", "users?role=admin", admin).get_json()["users"][0]["username"] == "admin"
