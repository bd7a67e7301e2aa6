"""Tables of the auth service: users, sessions, refresh tokens, ended sessions, lockouts and links in mails."""

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Dialect, ForeignKey, Index, String, Text, event, false, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from shared.core.clock import now
from shared.core.texts import digits_of, folded
from shared.db.columns import SequenceKey, UtcDateTime
from shared.db.database import Database
from shared.security.blind_index import SHORTEST_PART, BlindIndex
from shared.security.encryption import Encryption


class Base(DeclarativeBase):
    """The tables of the auth service."""


db = Database(Base, Path(__file__).with_name("migrations"))


class ColumnKeys:
    """The keys of the encrypted columns, which the start of the service sets."""

    newest_first: tuple[str, ...] = ()

    def use(self, keys: Iterable[str]) -> None:
        """Encrypt with the first of these keys, and decrypt with all of them."""
        self.newest_first = tuple(keys)


column_keys = ColumnKeys()
_encryption, _index = lru_cache(Encryption), lru_cache(BlindIndex)


class EncryptedText(TypeDecorator[str]):
    """A text that only this service can read. Its keys are derived for the `purpose` that names the values."""

    impl = String(255)
    cache_ok = True

    def __init__(self, purpose: str) -> None:
        super().__init__()
        self.purpose = purpose

    @property
    def encryption(self) -> Encryption:
        """Return what encrypts and decrypts the values of the column."""
        return _encryption(column_keys.newest_first, self.purpose)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Encrypt a value."""
        return None if value is None else self.encryption.encrypt(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Decrypt a value. Raises UnknownKey."""
        return None if value is None else self.encryption.decrypt(value)


class EncryptedPhone(EncryptedText):
    """A phone number, which is not encrypted before the first start with keys."""

    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Decrypt a value. Raises UnknownKey."""
        return super().process_result_value(value, dialect) if value and ":" in value else value


_PART_OF_PHONE = re.compile(r"\+?[0-9 ()./-]{3,}")


def phone_index() -> BlindIndex:
    """Return the index by which phone numbers are found by parts of their digits."""
    return _index(column_keys.newest_first[0], "parts of phone numbers")


def phone_entry(text: str) -> str | None:
    """Return the entry that finds numbers with the digits of `text`; None when it is no part of a number."""
    digits = digits_of(text) if _PART_OF_PHONE.fullmatch(text.strip()) else ""
    return phone_index().entry(digits) if len(digits) >= SHORTEST_PART else None


class User(Base):
    """A user. Username and e-mail address are stored as entered and unique regardless of case.

    `mfa_enabled` says that the user has a second factor of any kind, an authenticator app or a passkey.
    """

    __tablename__ = "user"
    __table_args__ = (
        CheckConstraint("role IN ('customer', 'employee', 'admin')", name="known_role"),
        CheckConstraint("status IN ('active', 'disabled')", name="known_status"),
        Index("user_by_age", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    username: Mapped[str] = mapped_column(String(50))
    email: Mapped[str] = mapped_column(String(100))
    time_zone: Mapped[str | None] = mapped_column(String(64))
    email_verified_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    password_hash: Mapped[str] = mapped_column(String(255))
    full_name: Mapped[str | None] = mapped_column(String(100))
    phone: Mapped[str | None] = mapped_column("encrypted_phone", EncryptedPhone("phone numbers"))
    phone_entries: Mapped[str] = mapped_column(Text, server_default="")
    role: Mapped[str] = mapped_column(String(20), default="customer")
    status: Mapped[str] = mapped_column(String(20), default="active")
    permissions: Mapped[str | None] = mapped_column(String(200))
    identity: Mapped[str] = mapped_column(String(10), default="none", server_default="none")
    mfa_enabled: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    search_text: Mapped[str] = mapped_column(Text, server_default="")

    @property
    def display_name(self) -> str:
        """Return the full name, or the username of a user who has given none."""
        return self.full_name or self.username


@event.listens_for(User, "before_insert")
@event.listens_for(User, "before_update")
def _fold(_mapper: object, _connection: object, user: User) -> None:
    """Update what searches look at: the case-folded copy of readable columns, and the entries of the phone number."""
    user.search_text = folded("\n".join(filter(None, (user.username, user.email, user.full_name))))
    user.phone_entries = phone_index().entries(digits_of(user.phone)) if user.phone else ""


Index("user_by_username", func.lower(User.username), unique=True)
Index("user_by_email", func.lower(User.email), unique=True)


class LoginSession(Base):
    """A login with all tokens issued for it; its id is the `sid` claim of the access tokens.

    It lasts until it is ended or until `expires_at`, which each refresh postpones.
    """

    __tablename__ = "login_session"
    __table_args__ = (Index("login_session_by_user", "user_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    ip: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    second_factor_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RefreshToken(Base):
    """A refresh token, stored only as its SHA-256. Used tokens are kept, so that their reuse is detected."""

    __tablename__ = "refresh_token"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("login_session.id", ondelete="CASCADE"), index=True)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class EndedSession(Base):
    """An entry of the feed of ended sessions, which the other services poll. No sequence number is used twice."""

    __tablename__ = "ended_session"
    __table_args__ = ({"sqlite_autoincrement": True},)

    sequence: Mapped[SequenceKey]
    session_id: Mapped[UUID]
    ended_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Lockout(Base):
    """The consecutive login failures of a username, known or unknown, and the end of its lockout.

    The username is stored as its SHA-256, since people sometimes type their password into the username field.
    """

    __tablename__ = "lockout"

    name_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    failed_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class KnownDevice(Base):
    """A kind of device that a user has logged in from, such as "Firefox on Windows"."""

    __tablename__ = "known_device"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(60), primary_key=True)


class MailLink(Base):
    """A link that was sent by mail: its token as a SHA-256, and the one thing that it is good for.

    `bound_to` is a digest of what has to be unchanged until the link is used (see `recovery_logic`).
    """

    __tablename__ = "mail_link"
    __table_args__ = (Index("mail_link_by_user", "user_id", "purpose"),)

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    email: Mapped[str] = mapped_column(String(100))
    bound_to: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


Index("mail_link_by_email", func.lower(MailLink.email))
