"""Where mail goes: to an SMTP server, or into a folder for a developer to read."""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime
from heapq import nlargest
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import unquote, urlsplit

from auth_service.mail.mail_schemas import SMTP_PORTS, OutboxMail
from shared.core.errors import CannotStart
from shared.security import secret_files

SMTP_TIMEOUT_SECONDS = 10.0


class RecipientRefused(Exception):
    """The mail server will never accept mail for this recipient (RFC 5321, section 4.2.1: a 5yz reply)."""


class Transport(Protocol):
    """A way to get mail to its recipient."""

    def deliver(self, message: EmailMessage) -> None:
        """Hand a message over. Raises RecipientRefused, or OSError when it is worth another try."""


@dataclass(frozen=True)
class SmtpServer:
    """A mail server that takes messages by SMTP (RFC 5321), on a connection of its own for each.

    With `is_tls` the connection is encrypted from the start (RFC 8314); else by STARTTLS whenever the server offers it
    (RFC 3207). A password is only ever sent encrypted. The server's certificate is verified.
    """

    host: str
    port: int
    is_tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """Return the server of a valid MAIL_URL."""
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "",
            port=parts.port or SMTP_PORTS[parts.scheme],
            is_tls=parts.scheme == "smtps",
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
        )

    def deliver(self, message: EmailMessage) -> None:
        """Send a message. Raises RecipientRefused, or OSError, of which smtplib's errors are kinds."""
        try:
            with self._connect() as server:
                if not self.is_tls:
                    self._encrypt(server)
                if self.username:
                    server.login(self.username, self.password)
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            ((code, _text),) = error.recipients.values()
            if code >= 500:
                raise RecipientRefused(f"the mail server answered {code}") from None
            raise

    def _connect(self) -> smtplib.SMTP:
        own_name = socket.gethostname()  # smtplib would ask a name server for it
        if self.is_tls:
            return smtplib.SMTP_SSL(
                self.host,
                self.port,
                own_name,
                timeout=SMTP_TIMEOUT_SECONDS,
                context=ssl.create_default_context(),
            )
        return smtplib.SMTP(self.host, self.port, own_name, timeout=SMTP_TIMEOUT_SECONDS)

    def _encrypt(self, server: smtplib.SMTP) -> None:
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
        elif self.username:
            raise OSError("the mail server offers no STARTTLS, and a password is not sent unencrypted")


@dataclass(frozen=True)
class OutboxFolder:
    """A folder of `.eml` files, readable by their owner only, in place of a mail server."""

    path: Path

    def deliver(self, message: EmailMessage) -> None:
        """Write a message to a file named after its date and its id. Raises OSError."""
        moment = parsedate_to_datetime(str(message["Date"]))
        number = str(message["Message-ID"]).strip("<>").partition("@")[0]
        content = message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
        try:
            secret_files.write(self.path / f"{moment:%Y%m%dT%H%M%S}-{number}.eml", content.decode())
        except CannotStart as error:
            raise OSError(str(error)) from None

    def newest(self, count: int) -> Iterator[OutboxMail]:
        """Read the newest mails, the newest first."""
        for path in nlargest(count, self.path.glob("*.eml"), key=lambda path: path.name):
            message = message_from_bytes(path.read_bytes(), policy=policy.default)
            body = message.get_body(("plain",))
            yield OutboxMail(
                recipient=parseaddr(str(message["To"]))[1],
                subject=str(message["Subject"]),
                text=str(body.get_content()) if body else "",
                sent_at=parsedate_to_datetime(str(message["Date"])),
            )
