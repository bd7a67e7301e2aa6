"""Passkeys in Chromium, with its virtual authenticator."""

import json
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import CDPSession, Page

from auth_service.passkeys.passkey_logic import Passkeys
from tests.support.asking import call, refusal
from tests.support.suite import PASSWORD, Suite


@pytest.fixture
def address(bank: Suite, base_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of the bank as a browser must know it for passkeys: a name instead of an IP address."""
    url = f"http://localhost:{urlsplit(base_url).port}"
    parts = bank.apps["auth"].extensions["parts"]
    monkeypatch.setitem(parts, Passkeys, replace(parts[Passkeys], origin=url))
    return url


@pytest.fixture
def authenticator(page: Page) -> Iterator[CDPSession]:
    """Yield the developer protocol of a browser with a device that has passkeys and verifies its user."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield session
    session.detach()


def add_passkey(page: Page, address: str, username: str) -> None:
    enter_password(page, address, username)
    page.wait_for_url("**/dashboard")
    page.goto(f"{address}/settings/passkeys")
    page.fill("[name=name]", "My laptop")
    page.fill("[name=password]", PASSWORD)
    page.click("text=Continue")
    page.click("text=Create the passkey")
    page.wait_for_url("**/settings/second-factor/recovery-codes")
    assert "The passkey is added." in page.inner_text("main")


def test_a_passkey_is_added_logs_in_without_a_password_and_is_removed(
    page: Page, bank: Suite, address: str, authenticator: CDPSession
) -> None:
    person = bank.person()
    add_passkey(page, address, person.username)
    page.context.clear_cookies()
    page.goto(f"{address}/login?next=/profile")
    page.click("text=Log in with a passkey")
    page.click("text=Use my passkey")
    page.wait_for_url(f"{address}/profile")
    assert person.username in page.inner_text("main")
    page.goto(f"{address}/settings/passkeys")
    assert "last used" in page.inner_text("main")
    page.click("text=Remove")
    page.click("text=Confirm removal")
    page.wait_for_selector("text=The passkey is removed.")
    page.goto(f"{address}/settings/passkeys")
    assert "last used" not in page.inner_text("main")


def test_a_passkey_is_the_second_step_of_a_login_by_password(
    page: Page, bank: Suite, address: str, authenticator: CDPSession
) -> None:
    person = bank.person()
    add_passkey(page, address, person.username)
    assert page.locator(".recovery-codes li").count() == 10
    code = page.inner_text(".recovery-codes li >> nth=0")
    assert refusal(call(bank, "GET", "passkeys", person)) == (401, "INVALID_TOKEN"), "other sessions have ended"
    body = {"username": person.username, "password": PASSWORD}
    asked = call(bank, "POST", "login", json=body)
    assert refusal(asked) == (401, "MFA_REQUIRED")
    assert asked.get_json()["details"]["methods"] == ["passkey", "recovery_code"]
    assert call(bank, "POST", "login", json={**body, "otp": code}).status_code == 200
    page.context.clear_cookies()
    enter_password(page, address, person.username)
    page.click("text=Use my passkey")
    page.wait_for_url("**/dashboard")


def test_a_sensitive_change_is_confirmed_by_a_passkey_and_changes_the_session(
    page: Page, bank: Suite, address: str, authenticator: CDPSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = bank.person()
    add_passkey(page, address, person.username)
    (before,) = (one for one in page.context.cookies() if one["name"].endswith("session"))
    page.goto(f"{address}/profile")
    with monkeypatch.context() as patch:
        patch.setattr("shared.web.access.STEP_UP_SECONDS", -1.0)
        fill_address(page, f"new-{person.username}@example.com")
        page.wait_for_selector("text=Use a passkey instead")
    page.fill("[name=current_password]", PASSWORD)
    page.click("text=Use a passkey instead")
    page.wait_for_selector("text=Your profile is saved.")
    page.context.add_cookies([{"name": before["name"], "value": before["value"], "url": address}])
    page.goto(f"{address}/profile")
    page.wait_for_url("**/login?next=/profile")
    entries = call(bank, "GET", "audit?limit=200", bank.admin()).get_json()["audit"]
    actions = [entry["action"] for entry in entries if entry["subject"] == person.username]
    assert actions[:2] == ["profile.change", "mfa.step_up"]


def fill_address(page: Page, email: str) -> None:
    page.fill("[name=email]", email)
    page.fill("[name=current_password]", PASSWORD)
    page.click("text=Save")


def enter_password(page: Page, address: str, username: str) -> None:
    page.goto(f"{address}/login")
    page.fill("[name=username]", username)
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")


def test_an_answer_counts_once_and_for_its_challenge_only(
    page: Page, bank: Suite, address: str, authenticator: CDPSession
) -> None:
    person = bank.person()
    add_passkey(page, address, person.username)
    begun = call(bank, "POST", "passkeys/login/options").get_json()
    answer = page.evaluate(
        """async (options) => JSON.stringify((await navigator.credentials.get(
            {publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options)})).toJSON())""",
        begun["options"],
    )
    body = {"passkey_token": begun["passkey_token"], "credential": json.loads(answer)}
    other = call(bank, "POST", "passkeys/login/options").get_json()["passkey_token"]
    refused = (401, "INVALID_PASSKEY")
    assert refusal(call(bank, "POST", "passkeys/login", json={**body, "passkey_token": other})) == refused
    broken = json.loads(answer)
    broken["response"]["signature"] = broken["response"]["signature"][:-6] + "AAAAAA"
    assert refusal(call(bank, "POST", "passkeys/login", json={**body, "credential": broken})) == refused
    login = call(bank, "POST", "passkeys/login", json=body)
    assert (login.status_code, login.get_json()["username"]) == (200, person.username)
    assert refusal(call(bank, "POST", "passkeys/login", json=body)) == refused


def test_a_page_without_a_script_leads_back_to_the_password(bank: Suite) -> None:
    browser = bank.visitor()
    page = browser.get("/login/passkey")
    assert page.status_code == 200
    assert 'href="/login"' in page.text
    answer = browser.submit("/login/passkey", credential="{}")
    assert answer.status_code == 400
    assert "The passkey was not accepted." in answer.text
