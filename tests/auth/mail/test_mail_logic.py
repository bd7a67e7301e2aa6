"""The queue of mails: what is sent, what is tried again, what is given up."""

import logging
import smtplib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from auth_service.mail import mail_logic
from auth_service.mail.mail_clients import RecipientRefused
from auth_service.mail.mail_logic import Mailer
from auth_service.mail.mail_schemas import MailContent
from shared.core import clock
from shared.web.parts import part
from tests.support.auth_rules import Rules, advance_clock

CONTENT = MailContent("A word", ("First of all.", "Last <of> all."), "https://bank.example/go?token=abc-_1", "Go on")


class FakeTransport:
    """A fake transport that keeps what it delivers, or raises `error`."""

    def __init__(self) -> None:
        self.delivered: list[EmailMessage] = []
        self.error: BaseException | None = None

    def deliver(self, message: EmailMessage) -> None:
        if self.error:
            raise self.error
        self.delivered.append(message)


@pytest.fixture
def transport() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
def mailer(rules: Rules, transport: FakeTransport) -> Iterator[Mailer]:
    mailer = part(Mailer, rules.app)
    yield replace(mailer, transport=transport, renderers={"word": lambda _mail: CONTENT, "gone": lambda _mail: None})
    with rules.tools.transaction():
        while mail := rules.tools.mails.find_due_to_change(clock.now() + timedelta(days=30)):
            rules.tools.mails.delete_mail(mail.id)


def queue(rules: Rules, kind: str = "word") -> None:
    with rules.tools.transaction():
        rules.tools.mails.add_mail(kind, "ada@example.com")


def test_a_queued_mail_is_sent_once(rules: Rules, mailer: Mailer, transport: FakeTransport) -> None:
    queue(rules)
    queue(rules)
    mail_logic.send_due(mailer)
    mail_logic.send_due(mailer)
    assert len({message["Message-ID"] for message in transport.delivered}) == len(transport.delivered) == 2


def test_a_mail_is_text_with_an_html_alternative(rules: Rules, mailer: Mailer, transport: FakeTransport) -> None:
    queue(rules)
    mail_logic.send_due(mailer)
    (message,) = transport.delivered
    assert (message["To"], message["Subject"]) == ("ada@example.com", "A word")
    assert str(message["From"]) == "Northwater Bank <no-reply@localhost>"
    text, html = (part.get_content() for part in message.iter_parts())
    assert text == f"First of all.\n\nGo on:\n{CONTENT.link}\n\nLast <of> all.\n\nNorthwater Bank\n"
    assert f'<a href="{CONTENT.link}">Go on</a>' in html
    assert "Last &lt;of&gt; all." in html
    assert f"{CONTENT.link}\n".encode() in message.as_bytes()  # in one piece, whoever reads the file


def test_nothing_is_sent_when_the_transaction_fails(rules: Rules, mailer: Mailer, transport: FakeTransport) -> None:
    def fail() -> None:
        with rules.tools.transaction():
            rules.tools.mails.add_mail("word", "ada@example.com")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    mail_logic.send_due(mailer)
    assert transport.delivered == []


def test_a_mail_that_has_lost_its_reason_is_not_sent(rules: Rules, mailer: Mailer, transport: FakeTransport) -> None:
    queue(rules, "gone")
    mail_logic.send_due(mailer)
    assert transport.delivered == []
    assert not rules.tools.mails.has_due(clock.now() + timedelta(days=30))


@pytest.mark.parametrize("error", [ConnectionRefusedError(), TimeoutError(), smtplib.SMTPServerDisconnected("x")])
def test_what_can_not_be_sent_is_tried_again_later_and_later(
    rules: Rules, mailer: Mailer, transport: FakeTransport, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    queue(rules)
    transport.error = error
    for minutes in (1, 2, 4):
        mail_logic.send_due(mailer)
        advance_clock(monkeypatch, timedelta(minutes=minutes, seconds=-1))
        assert not mailer.mails.has_due(clock.now())
        advance_clock(monkeypatch, timedelta(seconds=1))
    transport.error = None
    mail_logic.send_due(mailer)
    assert len(transport.delivered) == 1


def test_a_mail_survives_the_end_of_the_process_while_it_is_sent(
    rules: Rules, mailer: Mailer, transport: FakeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(rules)
    transport.error = KeyboardInterrupt()  # the process ends here
    with pytest.raises(KeyboardInterrupt):
        mail_logic.send_due(mailer)
    transport.error = None
    mail_logic.send_due(mailer)
    assert transport.delivered == []
    advance_clock(monkeypatch, timedelta(minutes=1))
    mail_logic.send_due(mailer)
    assert len(transport.delivered) == 1


def test_a_refused_recipient_is_not_tried_again(rules: Rules, mailer: Mailer, transport: FakeTransport) -> None:
    queue(rules)
    queue(rules)
    transport.error = RecipientRefused("the mail server answered 550")
    mail_logic.send_due(mailer)
    assert not rules.tools.mails.has_due(clock.now() + timedelta(days=30))


def test_after_two_days_a_mail_is_given_up(
    rules: Rules,
    mailer: Mailer,
    transport: FakeTransport,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue(rules)
    advance_clock(monkeypatch, timedelta(days=2, seconds=1))
    with caplog.at_level(logging.ERROR):
        mail_logic.send_due(mailer)
    assert transport.delivered == []
    assert "given up" in caplog.text
    assert not rules.tools.mails.has_due(clock.now() + timedelta(days=30))


def test_several_processes_send_a_mail_once(rules: Rules, mailer: Mailer, transport: FakeTransport) -> None:
    for _ in range(6):
        queue(rules)
    rules.at_once(*[lambda: mail_logic.send_due(mailer)] * 4)
    assert len(transport.delivered) == 6


def test_the_log_names_no_recipient(
    rules: Rules, mailer: Mailer, transport: FakeTransport, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    queue(rules)
    transport.error = smtplib.SMTPSenderRefused(451, b"not ada@example.com", "x")
    with caplog.at_level(logging.DEBUG):
        mail_logic.send_due(mailer)
    assert "not sent" in caplog.text
    assert "ada@" not in caplog.text
