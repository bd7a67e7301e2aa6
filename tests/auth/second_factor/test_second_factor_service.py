"""The endpoints of the second factor."""

import re

import pytest
from werkzeug.test import TestResponse

from tests.support.asking import LOGIN_KEYS, call, refusal
from tests.support.auth_rules import app_code
from tests.support.suite import PASSWORD, Person, Suite


@pytest.fixture
def person(bank: Suite) -> Person:
    return bank.person()


def log_in(bank: Suite, person: Person, **fields: object) -> TestResponse:
    return call(bank, "POST", "login", json={"username": person.username, "password": PASSWORD, **fields})


def enable(bank: Suite, person: Person) -> tuple[str, list[str]]:
    """Enable the second factor of a person by the code of the step before. Return the secret and recovery codes."""
    secret = call(bank, "POST", "mfa/setup", person).get_json()["secret"]
    answer = call(bank, "POST", "mfa/enable", person, json={"otp": app_code(secret, -1)})
    assert answer.status_code == 200, answer.text
    return secret, answer.get_json()["recovery_codes"]


def test_the_whole_way_from_set_up_to_removal(bank: Suite, person: Person) -> None:
    setup = call(bank, "POST", "mfa/setup", person).get_json()
    assert set(setup) == {"success", "secret", "otpauth_uri"}
    assert re.fullmatch(r"[A-Z2-7]{32}", setup["secret"])
    assert setup["otpauth_uri"].startswith(f"otpauth://totp/Northwater%20Bank:{person.username}?secret=")
    assert call(bank, "GET", "users/profile", person).get_json()["user"]["mfa_enabled"] is False
    assert log_in(bank, person).status_code == 200
    enabled = call(bank, "POST", "mfa/enable", person, json={"otp": app_code(setup["secret"], -1)}).get_json()
    assert len(set(enabled["recovery_codes"])) == 10
    assert call(bank, "GET", "users/profile", person).get_json()["user"]["mfa_enabled"] is True
    assert call(bank, "GET", "mfa", person).get_json() == {
        "success": True,
        "mfa_enabled": True,
        "app_enabled": True,
        "passkeys": 0,
        "recovery_codes_left": 10,
    }
    assert refusal(log_in(bank, person)) == (401, "MFA_REQUIRED")
    assert refusal(log_in(bank, person, otp=app_code(setup["secret"], -1))) == (401, "INVALID_OTP")
    login = log_in(bank, person, otp=app_code(setup["secret"]))
    assert (login.status_code, set(login.get_json())) == (200, LOGIN_KEYS)
    removal = {"password": PASSWORD, "otp": app_code(setup["secret"], 1)}
    assert call(bank, "POST", "mfa/disable", person, json=removal).status_code == 200
    assert log_in(bank, person).status_code == 200


def test_a_login_is_finished_by_the_token_of_its_first_step(bank: Suite, person: Person) -> None:
    secret, codes = enable(bank, person)
    token = log_in(bank, person).get_json()["details"]["mfa_token"]
    wrong = call(bank, "POST", "mfa/login", json={"mfa_token": token, "otp": "000000"})
    assert refusal(wrong) == (401, "INVALID_OTP")
    assert list(wrong.get_json()["details"]) == ["otp"]
    for otp in (app_code(secret), codes[0]):
        answer = call(bank, "POST", "mfa/login", json={"mfa_token": token, "otp": otp})
        assert (answer.status_code, set(answer.get_json())) == (200, LOGIN_KEYS)


def test_new_recovery_codes_need_a_code(bank: Suite, person: Person) -> None:
    assert refusal(call(bank, "POST", "mfa/recovery_codes", person, json={"otp": "000000"})) == (400, "MFA_NOT_ENABLED")
    secret, codes = enable(bank, person)
    answer = call(bank, "POST", "mfa/recovery_codes", person, json={"otp": app_code(secret)})
    assert len(set(answer.get_json()["recovery_codes"]) - set(codes)) == 10


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("setup", {"otp": "123456"}, "otp"),
        ("enable", {}, "otp"),
        ("enable", {"otp": 123456}, "otp"),
        ("enable", {"otp": ""}, "otp"),
        ("enable", {"otp": "1" * 65}, "otp"),
        ("disable", {"otp": "123456"}, "password"),
        ("disable", {"password": "x"}, "otp"),
        ("login", {"otp": "123456"}, "mfa_token"),
    ],
)
def test_a_field_that_is_not_right_is_named(
    bank: Suite, person: Person, path: str, body: dict[str, object], field: str
) -> None:
    answer = call(bank, "POST", f"mfa/{path}", person, json=body)
    assert refusal(answer) == (400, "INVALID_REQUEST")
    assert list(answer.get_json()["details"]) == [field]


@pytest.mark.parametrize("path", ["setup", "enable", "disable", "recovery_codes"])
def test_only_who_is_logged_in_changes_a_second_factor(bank: Suite, path: str) -> None:
    assert refusal(call(bank, "POST", f"mfa/{path}", json={})) == (401, "AUTHENTICATION_REQUIRED")


def test_a_second_factor_outlives_a_restart(bank: Suite, person: Person) -> None:
    secret, _ = enable(bank, person)
    bank.restart("auth")
    assert log_in(bank, person, otp=app_code(secret)).status_code == 200
