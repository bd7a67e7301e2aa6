"""The endpoints for profiles, and for admins who change users."""

from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from tests.support.asking import NOBODY, USER_KEYS, call, refusal
from tests.support.suite import PASSWORD, Person, Suite


def test_users_change_their_own_profile(bank: Suite) -> None:
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


def test_a_new_email_address_needs_the_password(bank: Suite, ada: Person) -> None:
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


@pytest.mark.parametrize("query", ["ÉLODIE", "élodie", "E%CC%81lodie", "STRASS@", "%EF%BC%A5lodie."])
def test_the_search_for_users_ignores_case(bank: Suite, admin: Person, query: str) -> None:
    person = bank.person()
    changes = {"full_name": "Élodie Straß@", "email": f"elodie.{person.username}@example.com"}
    answer = call(bank, "PUT", "users/profile", person, json={**changes, "current_password": PASSWORD})
    assert answer.status_code == 200
    found = call(bank, "GET", f"users?q={query}&limit=200", admin).get_json()["users"]
    assert str(person.user_id) in [user["id"] for user in found]


def test_an_access_token_is_no_refresh_token(bank: Suite) -> None:
    refreshed = call(bank, "POST", "refresh", json={"refresh_token": bank.person().token})
    assert refusal(refreshed) == (401, "INVALID_TOKEN")


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
    person = bank.log_in(person.username)
    assert call(bank, "DELETE", path, admin).get_json()["user"]["status"] == "disabled"
    assert call(bank, "DELETE", path, admin).status_code == 200
    assert call(bank, "GET", "verify_token", person).status_code == 401
    login = {"username": person.username, "password": PASSWORD}
    assert refusal(call(bank, "POST", "login", json=login)) == (401, "INVALID_CREDENTIALS")
    refreshed = call(bank, "POST", "refresh", json={"refresh_token": person.refresh_token})
    assert refusal(refreshed) == (401, "INVALID_TOKEN")
    assert call(bank, "PUT", path, admin, json={"status": "active"}).get_json()["user"]["status"] == "active"
    bank.log_in(person.username)


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
def test_an_unknown_user_is_404(bank: Suite, admin: Person, method: str) -> None:
    answer = call(bank, method, f"users/{NOBODY}", admin, json={"role": "customer"})
    assert refusal(answer) == (404, "NOT_FOUND")


def test_staff_find_a_user_by_exact_username_email_or_id(bank: Suite, admin: Person) -> None:
    person, clerk = bank.person("Kay.McNulty"), bank.employee()
    expected = {
        "id": person.user_id,
        "username": "Kay.McNulty",
        "full_name": None,
        "role": "customer",
        "status": "active",
    }
    for staff in (clerk, admin):
        for query in ("username=kay.mcnulty", "email=KAY.mcnulty@example.com", f"user_id={person.user_id}"):
            assert call(bank, "GET", f"users/lookup?{query}", staff).get_json()["user"] == expected
    for query in ("username=kay", "email=kay", f"user_id={NOBODY}", "username=%25"):
        assert refusal(call(bank, "GET", f"users/lookup?{query}", clerk)) == (404, "NOT_FOUND")
    for query in ("", f"username=kay&user_id={person.user_id}", "user_id=x", "username="):
        assert refusal(call(bank, "GET", f"users/lookup?{query}", clerk)) == (400, "INVALID_REQUEST")
    assert refusal(call(bank, "GET", "users/lookup?username=kay.mcnulty", person)) == (403, "FORBIDDEN")
    assert refusal(call(bank, "GET", "users?q=kay", clerk)) == (403, "FORBIDDEN")
