"""The endpoints of passkeys, as far as they need no device; tests/browser has the rest."""

import pytest

from tests.support.asking import NOBODY, call, refusal
from tests.support.suite import PASSWORD, Person, Suite


@pytest.fixture
def person(bank: Suite) -> Person:
    return bank.person()


def test_adding_a_passkey_takes_the_password(bank: Suite, person: Person) -> None:
    assert refusal(call(bank, "POST", "passkeys/options", person, json={"password": "wrong"})) == (
        400,
        "INVALID_CREDENTIALS",
    )
    begun = call(bank, "POST", "passkeys/options", person, json={"password": PASSWORD}).get_json()
    assert begun["options"]["rp"]["id"] == "localhost"
    assert begun["options"]["authenticatorSelection"]["userVerification"] == "required"
    assert begun["options"]["authenticatorSelection"]["residentKey"] == "required"


@pytest.mark.parametrize("credential", [{}, {"id": "x"}, {"id": 1, "response": None}, {"id": "x" * 60_000}])
def test_a_malformed_credential_is_refused(bank: Suite, person: Person, credential: dict[str, object]) -> None:
    begun = call(bank, "POST", "passkeys/options", person, json={"password": PASSWORD}).get_json()
    body = {"passkey_token": begun["passkey_token"], "credential": credential}
    assert refusal(call(bank, "POST", "passkeys", person, json={**body, "name": "Phone"})) == (401, "INVALID_PASSKEY")
    login = call(bank, "POST", "passkeys/login/options").get_json()["passkey_token"]
    for token in (login, begun["passkey_token"], "nonsense"):
        answer = call(bank, "POST", "passkeys/login", json={**body, "passkey_token": token})
        assert refusal(answer) == (401, "INVALID_PASSKEY")


def test_only_an_own_passkey_can_be_removed(bank: Suite, person: Person) -> None:
    assert refusal(call(bank, "DELETE", f"passkeys/{NOBODY}", person)) == (404, "NOT_FOUND")
    assert call(bank, "GET", "passkeys", person).get_json()["passkeys"] == []


def test_the_registration_of_one_person_is_not_good_for_another(bank: Suite, person: Person) -> None:
    begun = call(bank, "POST", "passkeys/options", person, json={"password": PASSWORD}).get_json()
    body = {"passkey_token": begun["passkey_token"], "credential": {}, "name": "Phone"}
    assert refusal(call(bank, "POST", "passkeys", bank.person(), json=body)) == (401, "INVALID_PASSKEY")
