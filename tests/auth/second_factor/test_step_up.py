"""Step-up: what is sensitive needs a fresh code of users who have a second factor."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import update
from werkzeug.test import TestResponse

from auth_service.auth_models import LoginSession, db
from shared.core import clock
from tests.support.asking import call, refusal
from tests.support.auth_rules import app_code
from tests.support.suite import PASSWORD, Suite

NEXT_PASSWORD = "quite another passphrase"


class Holder:
    """A person who has logged in with a second factor."""

    def __init__(self, bank: Suite) -> None:
        self.bank = bank
        self.person = bank.person()
        self.secret = call(bank, "POST", "mfa/setup", self.person).get_json()["secret"]
        enabled = call(bank, "POST", "mfa/enable", self.person, json={"otp": app_code(self.secret, -1)})
        self.codes = enabled.get_json()["recovery_codes"]
        body = {"username": self.person.username, "password": PASSWORD, "otp": app_code(self.secret)}
        tokens = call(bank, "POST", "login", json=body).get_json()
        self.refresh_token = tokens["refresh_token"]
        self.use(tokens["token"])

    def use(self, token: str) -> None:
        """Send this token from now on."""
        self.person = self.person.with_token(token)

    def wait(self, seconds: float) -> None:
        """Let the last proof be so long ago, and go on with a token that says so."""
        proven_at = {"second_factor_at": clock.now() - timedelta(seconds=seconds)}
        with self.bank.apps["auth"].app_context(), db.transaction():
            own = LoginSession.user_id == UUID(self.person.user_id)
            db.session.execute(update(LoginSession).where(own).values(**proven_at))
        tokens = call(self.bank, "POST", "refresh", json={"refresh_token": self.refresh_token}).get_json()
        self.refresh_token = tokens["refresh_token"]
        self.use(tokens["token"])

    def change_password(self) -> TestResponse:
        body = {"current_password": PASSWORD, "new_password": NEXT_PASSWORD}
        return call(self.bank, "POST", "change_password", self.person, json=body)

    def change_email(self) -> TestResponse:
        body = {"current_password": PASSWORD, "email": f"new-{self.person.username}@example.com"}
        return call(self.bank, "PUT", "users/profile", self.person, json=body)

    def step_up(self, otp: str) -> TestResponse:
        return call(self.bank, "POST", "mfa/step_up", self.person, json={"otp": otp})


@pytest.fixture
def holder(bank: Suite) -> Holder:
    return Holder(bank)


def test_a_login_with_a_code_is_fresh_for_five_minutes(holder: Holder) -> None:
    assert holder.change_email().status_code == 200
    holder.wait(301)
    assert refusal(holder.change_password()) == (403, "STEP_UP_REQUIRED")


def test_a_fresh_code_opens_what_was_refused(holder: Holder) -> None:
    holder.wait(301)
    assert refusal(holder.change_password()) == (403, "STEP_UP_REQUIRED")
    assert refusal(holder.change_email()) == (403, "STEP_UP_REQUIRED")
    assert refusal(holder.step_up("000000")) == (401, "INVALID_OTP")
    stepped_up = holder.step_up(app_code(holder.secret, 1)).get_json()
    assert stepped_up.keys() >= {"token", "refresh_token", "token_type", "expires_in", "fresh_for"}
    assert stepped_up["fresh_for"] == 300
    holder.use(stepped_up["token"])
    assert holder.change_email().status_code == 200
    assert holder.change_password().status_code == 200


def test_a_recovery_code_is_fresh_too(holder: Holder) -> None:
    holder.wait(301)
    holder.use(holder.step_up(holder.codes[0]).get_json()["token"])
    assert holder.change_password().status_code == 200


def test_a_code_steps_up_once(holder: Holder) -> None:
    holder.wait(301)
    code = app_code(holder.secret, 1)
    holder.use(holder.step_up(code).get_json()["token"])
    assert refusal(holder.step_up(code)) == (401, "INVALID_OTP")


def test_a_step_up_gives_the_session_a_new_id_and_ends_the_one_before(bank: Suite, holder: Holder) -> None:
    before, refresh_token = holder.person, holder.refresh_token
    (old,) = (one["id"] for one in call(bank, "GET", "sessions", before).get_json()["sessions"] if one["current"])
    holder.use(holder.step_up(app_code(holder.secret, 1)).get_json()["token"])
    assert refusal(call(bank, "GET", "sessions", before)) == (401, "INVALID_TOKEN")
    assert refusal(call(bank, "POST", "refresh", json={"refresh_token": refresh_token})) == (401, "INVALID_TOKEN")
    (new,) = (one for one in call(bank, "GET", "sessions", holder.person).get_json()["sessions"] if one["current"])
    assert new["id"] != old


def test_a_session_goes_on_under_a_new_id_with_its_login_and_its_proof(bank: Suite, holder: Holder) -> None:
    (before,) = (one for one in call(bank, "GET", "sessions", holder.person).get_json()["sessions"] if one["current"])
    renewed = call(bank, "POST", "sessions/renew", holder.person).get_json()
    assert refusal(call(bank, "POST", "sessions/renew", holder.person)) == (401, "INVALID_TOKEN")
    holder.use(renewed["token"])
    (after,) = (one for one in call(bank, "GET", "sessions", holder.person).get_json()["sessions"] if one["current"])
    assert after["id"] != before["id"]
    assert (after["created_at"], after["user_agent"]) == (before["created_at"], before["user_agent"])
    assert holder.change_password().status_code == 200, "the second factor is as fresh as before"
    assert call(bank, "POST", "refresh", json={"refresh_token": renewed["refresh_token"]}).status_code == 200


def test_a_refresh_keeps_what_was_proven(holder: Holder) -> None:
    holder.wait(290)
    assert holder.change_email().status_code == 200


def test_who_has_no_second_factor_is_not_asked(bank: Suite) -> None:
    person = bank.person()
    body = {"current_password": PASSWORD, "new_password": NEXT_PASSWORD}
    assert call(bank, "POST", "change_password", person, json=body).status_code == 200
    assert refusal(call(bank, "POST", "mfa/step_up", person, json={"otp": "000000"})) == (400, "MFA_NOT_ENABLED")


def test_what_happens_to_a_second_factor_is_mailed_and_audited(bank: Suite, holder: Holder) -> None:
    holder.use(holder.step_up(holder.codes[1]).get_json()["token"])
    removal = {"password": PASSWORD, "otp": holder.codes[2]}
    assert call(bank, "POST", "mfa/disable", holder.person, json=removal).status_code == 200
    entries = call(bank, "GET", "audit?limit=200", bank.admin()).get_json()["audit"]
    actions = [entry["action"] for entry in entries if entry["subject"] == holder.person.username]
    assert actions[:5] == [
        "mfa.disable",
        "mfa.recovery_code_used",
        "mfa.step_up",
        "mfa.recovery_code_used",
        "login",
    ]
