"""The page of unsent mails is for local visitors with its key only."""

from dataclasses import replace

import pytest

from api_gateway.web.tools import Tools
from auth_service.mail.mail_clients import SmtpServer
from auth_service.mail.mail_logic import Mailer
from tests.support.asking import call
from tests.support.processes import eventually
from tests.support.suite import PASSWORD, BankOptions, Suite
from tests.support.visitor import Visitor

KEY = "the key of the outbox page, which is long enough"
PAGE = f"/developer/mail?key={KEY}"


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(("auth", "gateway"), variables={"OUTBOX_KEY": KEY, "BANK_URL": "https://bank.example"})


@pytest.fixture
def visitor(bank: Suite) -> Visitor:
    return bank.visitor()


def test_a_mail_is_shown_with_its_link(bank: Suite, visitor: Visitor) -> None:
    assert "No mail yet" in visitor.get(PAGE).text
    body = {"current_password": PASSWORD, "new_password": f"{PASSWORD} again"}
    assert call(bank, "POST", "change_password", bank.person("ada"), json=body).status_code == 200
    eventually(
        lambda: "Your password was changed" in visitor.get(PAGE).text, within_seconds=10, what="the mail is there"
    )
    page = visitor.get(PAGE)
    assert "To ada@example.com" in page.text
    assert 'href="https://bank.example/forgot-password"' in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/developer/mail", "/developer/mail?key=", f"{PAGE}x", "/developer/mail?key=%C3%A9"])
def test_without_the_key_there_is_no_page(visitor: Visitor, path: str) -> None:
    page = visitor.get(path)
    assert page.status_code == 404
    assert "run_services.py" in page.text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_who_comes_through_a_proxy_finds_no_page(visitor: Visitor, header: str) -> None:
    assert visitor.client.get(PAGE, headers={header: "127.0.0.1"}).status_code == 404


def test_who_comes_from_elsewhere_finds_no_page(visitor: Visitor) -> None:
    assert visitor.client.get(PAGE, environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 404


def test_without_a_key_there_is_no_page_at_all(bank: Suite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = bank.apps["gateway"].extensions["parts"]
    monkeypatch.setitem(parts, Tools, replace(parts[Tools], outbox_key=""))
    assert visitor.get("/developer/mail?key=").status_code == 404


def test_with_a_mail_server_there_is_no_page(bank: Suite, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = bank.apps["auth"].extensions["parts"]
    monkeypatch.setitem(parts, Mailer, replace(parts[Mailer], transport=SmtpServer("mail.example.com", 587)))
    assert visitor.get(PAGE).status_code == 404
