"""ADMIN_REQUIRES_MFA: an admin without a second factor can only set one up."""

import pytest

from auth_service.passkeys.passkey_logic import Passkeys
from shared.web.parts import part
from tests.support.asking import call, refusal
from tests.support.auth_rules import app_code
from tests.support.authenticator import SoftAuthenticator
from tests.support.suite import PASSWORD, BankOptions, Suite


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(("auth", "account", "gateway"), variables={"ADMIN_REQUIRES_MFA": "1"})


def test_an_admin_sets_up_a_second_factor_before_anything_else(bank: Suite) -> None:
    admin = bank.admin()
    for path in ("users", "verify_admin", "sessions", "audit"):
        assert refusal(call(bank, "GET", path, admin)) == (403, "MFA_SETUP_REQUIRED"), path
    assert refusal(bank.call("account", "GET", "/api/accounts/all", admin)) == (403, "MFA_SETUP_REQUIRED")
    assert refusal(bank.call("gateway", "GET", "/api/auth/users", admin)) == (403, "MFA_SETUP_REQUIRED")
    assert call(bank, "GET", "users/profile", admin).status_code == 200
    _refuse_pages(bank)
    secret = call(bank, "POST", "mfa/setup", admin).get_json()["secret"]
    assert call(bank, "POST", "mfa/enable", admin, json={"otp": app_code(secret, -1)}).status_code == 200
    tokens = call(bank, "POST", "refresh", json={"refresh_token": admin.refresh_token}).get_json()
    unlimited = admin.with_token(tokens["token"])
    assert call(bank, "GET", "users", unlimited).status_code == 200
    assert bank.call("account", "GET", "/api/accounts/all", unlimited).status_code == 200


def test_a_passkey_is_enough_as_well(bank: Suite) -> None:
    person = bank.person()
    with bank.apps["auth"].app_context():
        _make_admin(person.username)
    admin = bank.log_in(person.username)
    assert refusal(call(bank, "GET", "users", admin)) == (403, "MFA_SETUP_REQUIRED")
    device = SoftAuthenticator(part(Passkeys, bank.apps["auth"]).origin)
    begun = call(bank, "POST", "passkeys/options", admin, json={"password": PASSWORD}).get_json()
    body = {"passkey_token": begun["passkey_token"], "credential": device.create(begun["options"]), "name": "Phone"}
    assert call(bank, "POST", "passkeys", admin, json=body).status_code == 201
    tokens = call(bank, "POST", "sessions/renew", admin).get_json()
    unlimited = admin.with_token(tokens["token"])
    assert call(bank, "GET", "users", unlimited).status_code == 200


def _refuse_pages(bank: Suite) -> None:
    browser = bank.admin().visitor
    answer = browser.get("/admin/users")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings/second-factor")
    page = browser.get("/settings/second-factor")
    assert page.status_code == 200
    assert "Your role requires two-step login." in page.text


def test_an_admin_at_a_browser_goes_on_after_the_set_up(bank: Suite) -> None:
    username = bank.person().username
    other = bank.apps["auth"]
    with other.app_context():
        _make_admin(username)
    browser = bank.visitor()
    browser.log_in(username)
    assert browser.get("/admin/users").status_code == 303
    browser.submit("/settings/second-factor", action="/settings/second-factor/setup")
    page = browser.get("/settings/second-factor").text
    secret = page.partition('data-copy="')[2].partition('"')[0]
    assert browser.submit("/settings/second-factor", otp=app_code(secret, -1)).status_code == 303
    assert browser.get("/settings/second-factor/recovery-codes").status_code == 200
    assert browser.get("/admin/users").status_code == 200


def _make_admin(username: str) -> None:
    from sqlalchemy import update

    from auth_service.auth_models import User, db

    with db.transaction():
        db.session.execute(update(User).where(User.username == username).values(role="admin"))


def test_tokens_of_customers_are_not_limited(bank: Suite) -> None:
    person = bank.person()
    assert call(bank, "GET", "sessions", person).status_code == 200
