"""Limits and cookies of browser sessions: an absolute limit, and the strictest cookie where browsers use https only."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from api_gateway.web.tools import Tools
from tests.support.suite import BankOptions, Suite
from tests.support.visitor import Visitor


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(("auth", "gateway"), variables={"BANK_HTTPS": "1", "SESSION_MAX_SECONDS": "3600"})


def test_a_session_ends_after_its_limit_however_active_it_is(bank: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = bank.apps["gateway"].extensions["parts"]
    browser = SecureVisitor(bank)
    browser.log_in(bank.person().username)
    assert browser.get("/profile").status_code == 200
    monkeypatch.setitem(parts, Tools, replace(parts[Tools], session_max_seconds=-1))
    answer = browser.get("/profile")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/profile")
    assert "Your session has ended." in browser.get("/login").text


def test_with_https_the_cookie_is_bound_to_the_host_and_hsts_is_set(bank: Suite) -> None:
    answer = bank.client("gateway").get("/login")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    attributes = {part.strip() for part in cookie.split(";")[1:]}
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= attributes
    assert not any(attribute.startswith("Domain") for attribute in attributes)


def test_with_https_hsts_is_set_on_batched_payments_too(bank: Suite) -> None:
    body = {"account_id": str(uuid4()), "amount": "1.00"}
    answer = bank.call("gateway", "POST", "/api/transactions/deposit", bank.person(), json=body)
    assert "Strict-Transport-Security" in answer.headers, answer.text


class SecureVisitor(Visitor):
    """A browser that comes by https."""

    def __init__(self, bank: Suite) -> None:
        super().__init__(bank.apps["gateway"])
        self.client.environ_base["wsgi.url_scheme"] = "https"


def test_people_log_out_everywhere_and_see_recent_logins(bank: Suite, tmp_path: Path) -> None:
    username = bank.person().username
    here, there = SecureVisitor(bank), SecureVisitor(bank)
    here.log_in(username)
    there.log_in(username)
    SecureVisitor(bank).log_in(username, "wrong")
    page = here.get("/settings").text
    assert "Recent logins" in page
    assert "Wrong password or code" in page
    answer = here.submit("/settings", action="/settings/sessions/end-all")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert "You are logged out everywhere." in here.get("/login").text
    assert there.get("/profile").status_code == 303
