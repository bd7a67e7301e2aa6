"""A passkey as second factor: in the second step of a login, for a fresh proof, and what comes and goes with it."""

import threading
from typing import Any

import cbor2
import pytest
from werkzeug.test import TestResponse

from auth_service.passkeys import passkey_logic
from auth_service.passkeys.passkey_logic import Passkeys
from auth_service.passkeys.passkey_storage import PasskeyStorage
from shared.core import clock
from shared.web.parts import part
from tests.support.asking import call, refusal
from tests.support.auth_rules import app_code
from tests.support.authenticator import USER_PRESENT, SoftAuthenticator
from tests.support.suite import PASSWORD, BankOptions, Person, Suite

INVALID = (401, "INVALID_PASSKEY")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def bank_options(request: pytest.FixtureRequest) -> BankOptions:
    return BankOptions(("auth",), database=request.param)


class Holder:
    """A person with a passkey. `answer` is that of its registration."""

    def __init__(self, bank: Suite, person: Person | None = None) -> None:
        self.bank, self.device = bank, SoftAuthenticator(part(Passkeys, bank.apps["auth"]).origin)
        self.person = person or bank.person()
        self.answer = self.add(self.device)

    def add(self, device: SoftAuthenticator) -> dict[str, Any]:
        answer = self.register(device, self.ask("passkeys/options", password=PASSWORD))
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.get_json()
        return found

    def register(self, device: SoftAuthenticator, begun: dict[str, Any]) -> TestResponse:
        body = {"passkey_token": begun["passkey_token"], "credential": device.create(begun["options"])}
        return call(self.bank, "POST", "passkeys", self.person, json={**body, "name": "Phone"})

    def log_in_by(self, device: SoftAuthenticator) -> TestResponse:
        begun = call(self.bank, "POST", "passkeys/login/options").get_json()
        body = {"passkey_token": begun["passkey_token"], "credential": device.get(begun["options"])}
        return call(self.bank, "POST", "passkeys/login", json=body)

    def ask(self, path: str, **body: Any) -> dict[str, Any]:
        answer = call(self.bank, "POST", path, self.person, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.get_json()
        return found

    def use(self, tokens: dict[str, Any]) -> None:
        self.person = self.person.with_token(tokens["token"])

    def log_in(self, **more: str) -> TestResponse:
        return call(self.bank, "POST", "login", json={"username": self.person.username, "password": PASSWORD, **more})

    def ticket(self) -> str:
        return str(self.log_in().get_json()["details"]["mfa_token"])

    def second_step(self, device: SoftAuthenticator, ticket: str | None = None) -> TestResponse:
        ticket = ticket or self.ticket()
        begun = call(self.bank, "POST", "passkeys/second_step/options", json={"mfa_token": ticket}).get_json()
        body = {"passkey_token": begun["passkey_token"], "credential": device.get(begun["options"])}
        return call(self.bank, "POST", "passkeys/second_step", json={"mfa_token": ticket, **body})

    def step_up(self, device: SoftAuthenticator) -> TestResponse:
        begun = self.ask("passkeys/step_up/options")
        body = {"passkey_token": begun["passkey_token"], "credential": device.get(begun["options"])}
        return call(self.bank, "POST", "passkeys/step_up", self.person, json=body)

    def remove(self) -> TestResponse:
        (passkey,) = call(self.bank, "GET", "passkeys", self.person).get_json()["passkeys"]
        return call(self.bank, "DELETE", f"passkeys/{passkey['id']}", self.person)


@pytest.fixture
def holder(bank: Suite) -> Holder:
    return Holder(bank)


def test_the_first_passkey_is_a_second_factor_with_recovery_codes(holder: Holder) -> None:
    assert len(set(holder.answer["recovery_codes"])) == 10
    assert refusal(holder.log_in()) == (401, "MFA_REQUIRED")
    assert holder.log_in().get_json()["details"]["methods"] == ["passkey", "recovery_code"]
    assert refusal(holder.log_in(otp="000000")) == (401, "INVALID_OTP")
    assert holder.log_in(otp=holder.answer["recovery_codes"][0]).status_code == 200
    assert holder.add(SoftAuthenticator(holder.device.origin))["recovery_codes"] == []


def test_the_first_passkey_ends_the_other_sessions(bank: Suite) -> None:
    person = bank.person()
    body = {"username": person.username, "password": PASSWORD}
    elsewhere = call(bank, "POST", "login", json=body).get_json()
    holder = Holder(bank, person)
    other = person.with_token(elsewhere["token"])
    assert refusal(call(bank, "GET", "passkeys", other)) == (401, "INVALID_TOKEN")
    assert call(bank, "GET", "passkeys", holder.person).status_code == 200


def test_the_second_step_takes_a_passkey_of_the_same_person_once(bank: Suite, holder: Holder) -> None:
    ticket = holder.ticket()
    begun = call(bank, "POST", "passkeys/second_step/options", json={"mfa_token": ticket}).get_json()
    assert holder.device.knows(begun["options"])
    assert refusal(holder.second_step(Holder(bank).device, ticket)) == INVALID
    body = {"mfa_token": ticket, "passkey_token": begun["passkey_token"]}
    body["credential"] = holder.device.get(begun["options"])
    tokens = call(bank, "POST", "passkeys/second_step", json=body)
    assert (tokens.status_code, tokens.get_json()["username"]) == (200, holder.person.username)
    assert refusal(call(bank, "POST", "passkeys/second_step", json=body)) == INVALID, "an answer counts once"
    assert refusal(call(bank, "POST", "passkeys/login", json={k: body[k] for k in body if k != "mfa_token"})) == INVALID


def test_the_second_step_needs_the_right_password_first(bank: Suite, holder: Holder) -> None:
    for path in ("passkeys/second_step/options", "passkeys/second_step"):
        body = {"mfa_token": "nonsense"} | ({"passkey_token": "x", "credential": {}} if path.endswith("step") else {})
        assert refusal(call(bank, "POST", path, json=body)) == (401, "INVALID_TOKEN")


def test_a_device_that_did_not_verify_its_user_is_refused(holder: Holder) -> None:
    holder.device.flags = USER_PRESENT
    assert refusal(holder.second_step(holder.device)) == INVALID
    assert refusal(holder.step_up(holder.device)) == INVALID


def test_a_copied_passkey_whose_counter_goes_back_is_refused(holder: Holder) -> None:
    assert holder.second_step(holder.device).status_code == 200
    holder.device.counter = 0
    assert refusal(holder.second_step(holder.device)) == INVALID


def test_a_passkey_that_fails_to_log_in_is_in_the_audit_trail(bank: Suite, holder: Holder) -> None:
    admin, stranger = bank.admin(), SoftAuthenticator(holder.device.origin)
    assert holder.log_in_by(holder.device).status_code == 200
    holder.device.counter = 0
    assert [refusal(holder.log_in_by(device)) for device in (holder.device, stranger)] == [INVALID] * 2
    disabled = {"status": "disabled"}
    assert call(bank, "PUT", f"users/{holder.person.user_id}", admin, json=disabled).status_code == 200
    assert refusal(holder.log_in_by(holder.device)) == INVALID
    rows = call(bank, "GET", "audit?action=login&outcome=failure&limit=3", admin).get_json()["audit"]
    assert [(row["subject"], row["details"]["reason"]) for row in rows] == [
        (holder.person.username, "disabled"),
        (None, "unknown passkey"),
        (holder.person.username, "wrong passkey"),
    ]


@pytest.mark.parametrize("origin", ["http://evil.example:5000", "https://localhost:5000", "http://localhost", "null"])
def test_an_answer_for_another_site_is_refused(holder: Holder, origin: str) -> None:
    begun = holder.ask("passkeys/options", password=PASSWORD)
    assert refusal(holder.register(SoftAuthenticator(origin), begun)) == INVALID
    holder.device.origin = origin
    for use in (holder.log_in_by, holder.second_step, holder.step_up):
        assert refusal(use(holder.device)) == INVALID


def test_an_answer_in_a_frame_of_another_site_is_refused(holder: Holder) -> None:
    device = SoftAuthenticator(holder.device.origin)
    device.is_framed = holder.device.is_framed = True
    assert refusal(holder.register(device, holder.ask("passkeys/options", password=PASSWORD))) == INVALID
    for use in (holder.log_in_by, holder.second_step, holder.step_up):
        assert refusal(use(holder.device)) == INVALID


@pytest.mark.parametrize("public_key", [[], [1], {}, {1: 1}, {1: 2, 3: -7}, 5, None])
def test_what_is_no_public_key_is_refused(holder: Holder, public_key: object) -> None:
    device = SoftAuthenticator(holder.device.origin)
    device.public_key = cbor2.dumps(public_key)
    assert refusal(holder.register(device, holder.ask("passkeys/options", password=PASSWORD))) == INVALID


def test_a_login_and_the_removal_of_its_passkey_at_once_end_well(
    bank: Suite, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[TestResponse] = []
    login = threading.Thread(target=lambda: answers.append(holder.log_in_by(holder.device)))
    delete = PasskeyStorage.delete_passkey

    def delete_late(*given: Any) -> Any:
        login.start()
        login.join(0.3)  # gives the login time to lock what it needs
        return delete(*given)

    monkeypatch.setattr(PasskeyStorage, "delete_passkey", delete_late)
    assert holder.remove().status_code == 200
    login.join(10)
    assert [refusal(answer) for answer in answers] == [INVALID]


def test_no_more_passkeys_than_allowed_are_added_side_by_side(holder: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passkey_logic, "MAX_PASSKEYS", 2)
    begun = [holder.ask("passkeys/options", password=PASSWORD) for _ in range(2)]
    answers = [holder.register(SoftAuthenticator(holder.device.origin), one) for one in begun]
    assert answers[0].status_code == 201
    assert refusal(answers[1]) == (400, "TOO_MANY_PASSKEYS")


def test_an_id_that_is_too_long_is_refused(holder: Holder) -> None:
    holder.device.credential_id = bytes(1024)
    begun = holder.ask("passkeys/options", password=PASSWORD)
    assert refusal(holder.register(holder.device, begun)) == INVALID


def test_the_token_of_a_passkey_is_no_first_step(bank: Suite) -> None:
    token = call(bank, "POST", "passkeys/login/options").get_json()["passkey_token"]
    answer = call(bank, "POST", "mfa/login", json={"mfa_token": token, "otp": "123456"})
    assert refusal(answer) == (401, "INVALID_TOKEN")


def test_wrong_answers_lock_the_name_and_a_right_one_clears_the_failures(bank: Suite, holder: Holder) -> None:
    ticket, other = holder.ticket(), SoftAuthenticator(holder.device.origin)
    assert [refusal(holder.second_step(other, ticket)) for _ in range(4)] == [INVALID] * 4
    assert holder.second_step(holder.device, ticket).status_code == 200
    assert [refusal(holder.second_step(other, ticket)) for _ in range(5)] == [INVALID] * 5
    assert refusal(holder.second_step(holder.device, ticket)) == (429, "TOO_MANY_ATTEMPTS")


def test_a_step_up_by_passkey_is_fresh_and_changes_the_session(
    bank: Suite, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder.use(holder.second_step(holder.device).get_json())
    with monkeypatch.context() as patch:
        patch.setattr("shared.web.access.STEP_UP_SECONDS", -1.0)
        assert refusal(holder.remove()) == (403, "STEP_UP_REQUIRED")
    before = holder.person
    assert refusal(holder.step_up(SoftAuthenticator(holder.device.origin))) == INVALID
    stepped_up = holder.step_up(holder.device).get_json()
    assert stepped_up["fresh_for"] == 300
    holder.use(stepped_up)
    assert refusal(call(bank, "GET", "passkeys", before)) == (401, "INVALID_TOKEN")
    assert holder.remove().status_code == 200


def test_who_has_no_passkey_can_not_step_up_by_one(bank: Suite) -> None:
    answer = call(bank, "POST", "passkeys/step_up/options", bank.person(), json={})
    assert refusal(answer) == (400, "MFA_NOT_ENABLED")


def test_without_the_last_passkey_the_password_is_enough_again(bank: Suite, holder: Holder) -> None:
    holder.use(holder.second_step(holder.device).get_json())
    assert holder.remove().status_code == 200
    status = call(bank, "GET", "mfa", holder.person).get_json()
    assert (status["mfa_enabled"], status["passkeys"], status["recovery_codes_left"]) == (False, 0, 0)
    assert holder.log_in().status_code == 200


def test_with_app_and_passkey_either_logs_in_and_each_goes_alone(
    bank: Suite, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    holder.use(holder.second_step(holder.device).get_json())
    secret = holder.ask("mfa/setup")["secret"]
    codes = holder.ask("mfa/enable", otp=app_code(secret, -1))["recovery_codes"]
    assert holder.log_in().get_json()["details"]["methods"] == ["app", "passkey", "recovery_code"]
    assert holder.log_in(otp=app_code(secret)).status_code == 200
    assert holder.second_step(holder.device).status_code == 200
    assert holder.ask("mfa/disable", password=PASSWORD, otp=codes[0])["success"]
    assert holder.log_in().get_json()["details"]["methods"] == ["passkey", "recovery_code"]
    assert refusal(call(bank, "POST", "mfa/disable", holder.person, json={"password": PASSWORD, "otp": codes[1]})) == (
        400,
        "MFA_NOT_ENABLED",
    )
    assert holder.second_step(holder.device).status_code == 200


def test_a_new_app_needs_a_fresh_proof_of_the_passkey(holder: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    holder.use(holder.second_step(holder.device).get_json())
    monkeypatch.setattr("shared.web.access.STEP_UP_SECONDS", -1.0)
    for path in ("mfa/setup", "mfa/recovery_codes"):
        assert refusal(call(holder.bank, "POST", path, holder.person, json={})) == (403, "STEP_UP_REQUIRED")


def test_new_recovery_codes_come_without_a_code_while_the_passkey_is_fresh(holder: Holder) -> None:
    holder.use(holder.second_step(holder.device).get_json())
    codes = holder.ask("mfa/recovery_codes")["recovery_codes"]
    assert refusal(holder.log_in(otp=holder.answer["recovery_codes"][0])) == (401, "INVALID_OTP")
    assert holder.log_in(otp=codes[0]).status_code == 200
