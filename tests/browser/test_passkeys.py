"""Passkeys in Chromium, with its virtual authenticator."""

import json
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import CDPSession, Page

from tests.support.asking import call, refusal
from tests.support.suite import PASSWORD, Suite
from tests.support.visitor import Visitor


@pytest.fixture
def address(bank: Suite, base_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of the bank as a browser must know it for passkeys: a name instead of an IP address."""
    url = f"http://localhost:{urlsplit(base_url).port}"
    extensions = bank.apps["auth"].extensions
    monkeypatch.setitem(extensions, "passkeys", replace(extensions["passkeys"], origin=url))
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
    page.goto(f"{address}/login")
    page.fill("[name=username]", username)
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url("**/dashboard")
    page.goto(f"{address}/settings/passkeys")
    page.fill("[name=name]", "My laptop")
    page.fill("[name=password]", PASSWORD)
    page.click("text=Continue")
    page.click("text=Create the passkey")
    page.wait_for_selector("text=The passkey is added.")


def test_a_passkey_is_added_logs_in_without_a_password_and_is_removed(
    page: Page, bank: Suite, address: str, authenticator: CDPSession
) -> None:
    person = bank.person()
    add_passkey(page, address, person.username)
    page.context.clear_cookies()
    page.goto(f"{address}/login?next=/profile")
    page.click("text=Log in with a passkey")
    page.click("text=Use my passkey")
    page.wait_for_url("**/profile")
    assert person.username in page.inner_text("main")
    page.goto(f"{address}/settings/passkeys")
    assert "last used" in page.inner_text("main")
    page.click("text=Remove")
    page.wait_for_selector("text=The passkey is removed.")
    assert call(bank, "GET", "passkeys", person).get_json()["passkeys"] == []


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
    browser = Visitor(bank.apps["gateway"])
    page = browser.get("/login/passkey")
    assert page.status_code == 200
    assert 'href="/login"' in page.text
    answer = browser.submit("/login/passkey", credential="{}")
    assert answer.status_code == 400
    assert "The passkey was not accepted." in answer.text
