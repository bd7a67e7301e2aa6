"""Registration: valid and refused bodies, and strict JSON."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.asking import LOGIN_KEYS, call, refusal, registration
from tests.support.suite import PASSWORD, Person, Suite


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
        "mfa_enabled": False,
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
        ({"email": "=?utf-8?q?a=0d=0aBcc:b?=@example.com"}, "email"),
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


def test_refusals_are_plain_sentences(bank: Suite) -> None:
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
        (400, "INVALID_REQUEST", {"data": '{"username": "ada", "password": "x", "pin": "123456"}'}),
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


@pytest.mark.parametrize("full_name", ["Élodie Straß", None])
def test_a_full_name_may_be_given(bank: Suite, full_name: str | None) -> None:
    answer = call(bank, "POST", "register", json=registration(full_name=full_name))
    assert answer.get_json()["user"]["full_name"] == full_name


@pytest.mark.parametrize("full_name", ["", " Ada", "x" * 101, "Ada\nLovelace", 7])
def test_a_full_name_that_is_not_valid_is_refused(bank: Suite, full_name: object) -> None:
    answer = call(bank, "POST", "register", json=registration(full_name=full_name))
    assert refusal(answer) == (400, "INVALID_REQUEST")
    assert list(answer.get_json()["details"]) == ["full_name"]
