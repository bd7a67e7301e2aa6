"""The rules of mail: what a message looks like, and when sending it is tried again.

A mail is queued in the transaction of the event that it reports, so neither happens without the other. The sender takes
one mail at a time and postpones it before it tries to send it; only a sent mail is deleted. So a process that dies in
between loses nothing: the mail is due again after a minute, and may then arrive twice, with the same Message-ID.
"""

import html
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Self

from auth_service.mail.mail_clients import OutboxFolder, RecipientRefused, SmtpServer, Transport
from auth_service.mail.mail_models import OutgoingMail
from auth_service.mail.mail_schemas import MailContent, MailSettings
from auth_service.mail.mail_storage import MailStorage
from shared.core import clock
from shared.db.outages import rerun_when_aborted

FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=2)
# Links stay on one line, so that no program that shows the text breaks them (RFC 5322, section 2.1.1: 998 at most).
_POLICY = SMTP.clone(max_line_length=998, linesep="\n")
_log = logging.getLogger(__name__)

Renderer = Callable[[OutgoingMail], MailContent | None]
"""Renders a mail when it is sent; returns None when the mail is outdated."""


@dataclass(frozen=True)
class Mailer:
    """What sending uses. `renderers` has a function for each kind of mail; `sender` is the address in From."""

    mails: MailStorage
    transport: Transport
    renderers: Mapping[str, Renderer]
    bank_name: str
    sender: str

    @classmethod
    def of(cls, settings: MailSettings, mails: MailStorage, renderers: Mapping[str, Renderer]) -> Self:
        """Return the mailer that sends to MAIL_URL, or without it into the folder `outbox` of the data directory."""
        url = settings.mail_url
        transport: Transport = SmtpServer.of(url) if url else OutboxFolder(settings.data_dir / "outbox")
        return cls(mails, transport, renderers, settings.bank_name, settings.mail_from)


def send_due(mailer: Mailer) -> None:
    """Send the mails that are due, until none is left or one could not be sent."""
    while mail := _claim(mailer):
        if not _send(mailer, mail):
            return
        with mailer.mails.transaction():
            mailer.mails.delete_mail(mail.id)


def compose(mailer: Mailer, mail: OutgoingMail, content: MailContent) -> EmailMessage:
    """Return the message of a mail: plain text with an HTML alternative (RFC 2046, section 5.1.4)."""
    local_part, _, domain = mailer.sender.rpartition("@")
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(mailer.bank_name, local_part, domain)
    message["To"] = content.recipient or mail.recipient
    message["Subject"] = content.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{mail.id.hex}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
    message.set_content(_as_text(content, mailer.bank_name))
    message.add_alternative(_as_html(content, mailer.bank_name), subtype="html")
    return message


@rerun_when_aborted
def _claim(mailer: Mailer) -> OutgoingMail | None:
    """Take the next mail that is due, and postpone it: it is tried again unless it has been deleted by then."""
    now = clock.now()
    mailer.mails.refresh()
    if not mailer.mails.has_due(now):  # a look without a lock, since mostly there is nothing to do
        return None
    with mailer.mails.transaction():
        mail = mailer.mails.find_due_to_change(now)
        if mail:
            mail.attempts += 1
            mail.due_at = now + min(FIRST_PAUSE * 2 ** min(mail.attempts - 1, 10), LONGEST_PAUSE)
    return mail


def _send(mailer: Mailer, mail: OutgoingMail) -> bool:
    """Return whether a mail is done with: sent, outdated, or never to be accepted. False when it has to be retried."""
    described = {"mail_id": str(mail.id), "kind": mail.kind}
    if clock.now() - mail.created_at > GIVEN_UP_AFTER:
        _log.error("mail given up: it could not be sent for two days", extra=described)
        return True
    content = mailer.renderers[mail.kind](mail)
    if content is None:
        return True
    try:
        mailer.transport.deliver(compose(mailer, mail, content))
    except RecipientRefused as error:
        _log.warning("mail dropped: %s", error, extra=described)
    except OSError as error:
        _log.warning("mail not sent, it will be tried again: %s", type(error).__name__, extra=described)
        return False
    else:
        _log.info("mail sent", extra=described)
    return True


def _as_text(content: MailContent, bank_name: str) -> str:
    parts = [*content.paragraphs]
    if content.link:
        parts.insert(1, f"{content.link_text}:\n{content.link}")
    return "\n\n".join([*parts, f"{bank_name}\n"])


def _as_html(content: MailContent, bank_name: str) -> str:
    parts = [html.escape(paragraph) for paragraph in content.paragraphs]
    if content.link:
        parts.insert(1, f'<a href="{html.escape(content.link)}">{html.escape(content.link_text)}</a>')
    body = "\n".join(f"<p>{part}</p>" for part in [*parts, html.escape(bank_name)])
    return f'<!doctype html>\n<html lang="en">\n<body>\n{body}\n</body>\n</html>\n'
