"""Two-step login, as a person without JavaScript sets it up and uses it."""

import re
from urllib.parse import unquote

import pytest
from werkzeug.test import TestResponse

from shared.core import clock
from tests.support.auth_rules import app_code
from tests.support.suite import PASSWORD, BankOptions, Suite
from tests.support.visitor import Visitor

SETUP = "/settings/second-factor/setup"


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(("auth", "gateway"))


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock stand, since codes of authenticator apps change every 30 seconds."""
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)


class Owner:
    """A person at a browser, with two-step login on."""

    def __init__(self, bank: Suite) -> None:
        self.bank = bank
        self.username = bank.person().username
        self.browser = bank.visitor()
        self.browser.log_in(self.username)
        self.secret = begin(self.browser)
        answer = self.browser.submit("/settings/second-factor", otp=app_code(self.secret, -1))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/settings/second-factor/recovery-codes")

    def new_browser(self, path: str = "/login") -> Visitor:
        """Return another browser after the right password."""
        browser = self.bank.visitor()
        answer = browser.log_in(self.username, path=path)
        assert (answer.status_code, unquote(answer.headers["Location"])) == (303, path)
        return browser


def begin(browser: Visitor) -> str:
    """Begin the set-up and return the secret that the page shows."""
    assert browser.submit("/settings", action=SETUP).headers["Location"] == "/settings/second-factor"
    page = browser.get("/settings/second-factor").text
    assert 'src="data:image/svg+xml' in page
    found = re.search(r'data-copy="([A-Z2-7]{32})"', page)
    assert found
    return found[1]


def codes_on(page: TestResponse) -> list[str]:
    return re.findall(r"<code>([a-z2-9-]{27})</code>", page.text)


def is_logged_in(browser: Visitor) -> bool:
    return browser.get("/profile").status_code == 200


@pytest.fixture
def owner(bank: Suite) -> Owner:
    return Owner(bank)


def test_the_set_up_shows_its_codes_once(owner: Owner) -> None:
    page = owner.browser.get("/settings/second-factor/recovery-codes")
    assert "Two-step login is on." in page.text
    assert "The code that you entered is used up" in page.text
    assert len(set(codes_on(page))) == 10
    again = owner.browser.get("/settings/second-factor/recovery-codes")
    assert (again.status_code, codes_on(again)) == (200, [])
    assert "Recovery codes left: 10" in owner.browser.get("/settings").text
    assert owner.browser.get("/settings/second-factor").headers["Location"] == "/settings"


def test_a_wrong_first_code_keeps_the_key(bank: Suite) -> None:
    browser = bank.visitor()
    browser.log_in(bank.person().username)
    assert "Begin" in browser.get("/settings/second-factor").text
    secret = begin(browser)
    answer = browser.submit("/settings/second-factor", otp="000000")
    assert answer.status_code == 400
    assert secret in answer.text
    assert 'id="otp-error"' in answer.text
    assert "Set up two-step login" in browser.get("/settings").text


def test_a_login_takes_two_steps_and_goes_on_to_where_one_wanted_to_be(owner: Owner) -> None:
    browser = owner.new_browser("/login?next=/profile")
    page = browser.get("/login?next=/profile")
    assert 'name="otp"' in page.text
    assert 'name="password"' not in page.text
    answer = browser.submit("/login?next=/profile", otp=app_code(owner.secret))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/profile")
    assert is_logged_in(browser)


def test_without_the_second_step_nobody_is_logged_in(owner: Owner) -> None:
    assert not is_logged_in(owner.new_browser())


def test_a_wrong_code_is_said_beside_the_field(owner: Owner) -> None:
    browser = owner.new_browser()
    answer = browser.submit("/login", otp="000000")
    assert answer.status_code == 400
    assert "Code is wrong, too old, or was used before" in answer.text
    assert 'name="otp"' in answer.text
    assert browser.submit("/login", otp=app_code(owner.secret)).status_code == 303


def test_name_password_and_code_may_come_at_once(owner: Owner) -> None:
    browser = owner.bank.visitor()
    fields = {"username": owner.username, "password": PASSWORD, "otp": app_code(owner.secret)}
    assert browser.submit("/login", **fields).headers["Location"] == "/dashboard"


def test_a_half_done_login_can_be_left(owner: Owner) -> None:
    browser = owner.new_browser()
    assert browser.get("/login?start=over").status_code == 303
    assert 'name="password"' in browser.get("/login").text


def test_a_half_done_login_expires(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = owner.new_browser()
    monkeypatch.setattr("auth_service.second_factor.login_logic.TICKET_SECONDS", -1)
    assert browser.submit("/login", otp=app_code(owner.secret)).status_code == 303
    page = browser.get("/login").text
    assert "Too much time has passed. Enter your password again." in page
    assert 'name="password"' in page


def test_a_recovery_code_logs_in_too(owner: Owner) -> None:
    codes = codes_on(owner.browser.get("/settings/second-factor/recovery-codes"))
    browser = owner.new_browser()
    assert "recovery codes that you stored" in browser.get("/login?with=recovery").text
    assert browser.submit("/login?with=recovery", otp=codes[0]).status_code == 303
    assert "Recovery codes left: 9" in browser.get("/settings").text


def test_new_recovery_codes_are_shown_once(owner: Owner) -> None:
    path = "/settings/second-factor/recovery-codes"
    old = codes_on(owner.browser.get(path))
    assert owner.browser.submit(path, otp="000000").status_code == 400
    assert owner.browser.submit(path, otp=app_code(owner.secret)).status_code == 303
    new = codes_on(owner.browser.get(path))
    assert len(set(new) - set(old)) == 10


def test_removing_the_app_takes_password_and_code(owner: Owner) -> None:
    path = "/settings/second-factor/disable"
    wrong = owner.browser.submit(path, password="wrong", otp=app_code(owner.secret))
    assert wrong.status_code == 400
    assert 'id="password-error"' in wrong.text
    assert owner.browser.submit(path, password=PASSWORD, otp="000000").status_code == 400
    answer = owner.browser.submit(path, password=PASSWORD, otp=app_code(owner.secret))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/settings")
    assert "The authenticator app is removed." in owner.browser.get("/settings").text
    other = owner.bank.visitor()
    assert other.log_in(owner.username).headers["Location"] == "/dashboard"


def test_an_account_without_a_second_factor_has_nothing_to_renew(bank: Suite) -> None:
    browser = bank.visitor()
    browser.log_in(bank.person().username)
    answer = browser.submit("/settings/second-factor/recovery-codes", otp="000000")
    assert answer.status_code == 400
    assert "You have no such second factor" in answer.text
