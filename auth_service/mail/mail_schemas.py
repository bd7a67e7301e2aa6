"""Settings of mail, what a mail says, and the mails of the outbox folder as the gateway gets them."""

from dataclasses import dataclass
from typing import Annotated, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, Field

from shared.core.periods import Timestamp
from shared.core.texts import Line, Matching
from shared.http.addresses import base_url
from shared.web.settings import ServiceURL, Settings
from shared.web.validation.openapi import Body, Described

SMTP_PORTS = {"smtp": 587, "smtps": 465}


def _smtp_url(text: str) -> str:
    """Return the address of a mail server: smtp://user:password@host:port, or smtps://. Raises ValueError."""
    try:
        parts = urlsplit(text)
        is_address = parts.scheme in SMTP_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        is_address = False
    if not is_address or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be the address of a mail server, such as smtp://user:password@mail.example.com:587")
    return text


class MailSettings(Settings):
    """Settings of mail: where it goes, and what it says of the bank."""

    gateway_port: int = Field(5000, ge=1, le=65535, validation_alias="API_GATEWAY_PORT")
    given_bank_url: ServiceURL | None = Field(None, validation_alias="BANK_URL")
    bank_name: Line = Field("Northwater Bank", validation_alias="BANK_NAME")
    bank_contact: Line = Field("Please call or visit your branch.", validation_alias="BANK_CONTACT")
    mail_url: Annotated[str, AfterValidator(_smtp_url)] | None = Field(None, repr=False, validation_alias="MAIL_URL")
    mail_from: Annotated[
        str, Matching(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+", "must be an e-mail address, such as no-reply@example.com")
    ] = Field("no-reply@localhost", validation_alias="MAIL_FROM")

    @property
    def bank_url(self) -> str:
        """The address of the gateway in mails. It is never taken from a request, whose sender could choose it."""
        return self.given_bank_url or base_url(self.host, self.gateway_port)


class Notice(Body):
    """What another service tells a user. Its text is written by this service."""

    user_id: UUID
    """The id of the user."""
    kind: Literal["export_ready"]
    """The kind of the notice."""
    year: Annotated[int, Field(ge=1970, le=9998, examples=[2026])]
    """The year of the statements that are ready."""


@dataclass(frozen=True)
class MailContent:
    """The content of a mail: a subject, paragraphs, and one link to follow, with the words that name it.

    `recipient` replaces the address that the mail was queued for.
    """

    subject: str
    paragraphs: tuple[str, ...]
    link: str = ""
    link_text: str = ""
    recipient: str = ""


class OutboxMail(Described):
    """A mail in the outbox folder."""

    recipient: Annotated[str, Field(examples=["ada@example.com"])]
    """The address that it is for."""
    subject: Annotated[str, Field(examples=["Your password was changed"])]
    """The subject."""
    text: Annotated[str, Field(examples=["The password of your account was changed."])]
    """The plain text."""
    sent_at: Timestamp
    """The time at which it was written."""
