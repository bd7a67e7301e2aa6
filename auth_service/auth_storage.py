"""Queries on users, on lockouts and on links in mails."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TypedDict, Unpack
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, delete, func, or_, select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.orm.attributes import flag_modified

from auth_service.auth_models import Base, EncryptedText, KnownDevice, Lockout, MailLink, User, phone_entry
from shared.core.texts import folded
from shared.db.database import Storage
from shared.db.keyset import by_age


class UserFilters(TypedDict, total=False):
    """Which users to list or count; None does not filter."""

    words: Iterable[str]
    """All of them must occur in the names, the e-mail address or the phone number."""
    role: str | None
    status: str | None
    identity: str | None
    among: Collection[str] | None
    """Usernames."""
    since: datetime | None
    """The first instant of the registration."""
    until: datetime | None
    """The first instant after it."""


def user_matches(text: str) -> ColumnElement[bool]:
    """Return the condition that a user's name, address or phone number contains `text`."""
    found = User.search_text.contains(folded(text), autoescape=True)
    entry = phone_entry(text)
    return or_(found, User.phone_entries.contains(entry)) if entry else found


class UserStorage(Storage):
    """Queries on the user table."""

    def find_user(self, user_id: UUID) -> User | None:
        """Return the user with this id."""
        return self._session.get(User, user_id)

    def find_user_to_change(self, user_id: UUID) -> User | None:
        """Return the user with this id, locked until the transaction ends."""
        return self._session.scalar(select(User).where(User.id == user_id).with_for_update())

    def find_by_username(self, username: str) -> User | None:
        """Return the user with this username, regardless of case."""
        return self._session.scalar(select(User).where(func.lower(User.username) == username.lower()))

    def find_by_email(self, email: str) -> User | None:
        """Return the user with this e-mail address, regardless of case."""
        return self._session.scalar(select(User).where(func.lower(User.email) == email.lower()))

    def add_device(self, user_id: UUID, name: str) -> tuple[bool, bool]:
        """Remember a device. Return whether it is new, and whether it is the first one of the user."""
        known = set(self._session.scalars(select(KnownDevice.name).where(KnownDevice.user_id == user_id)))
        if name not in known:
            self.insert(KnownDevice(user_id=user_id, name=name))
        return name not in known, not known

    def has_admin(self) -> bool:
        """Return whether at least one admin exists, active or disabled."""
        return self._session.scalar(select(User.id).where(User.role == "admin").limit(1)) is not None

    def has_other_staff(self, user_id: UUID) -> bool:
        """Return whether anybody but this user is an employee or an admin, active or disabled."""
        query = select(User.id).where(User.role != "customer", User.id != user_id).limit(1)
        return self._session.scalar(query) is not None

    def lock_active_admins(self) -> set[UUID]:
        """Lock the rows of all active admins until the transaction ends, and return their ids."""
        query = select(User.id).where(User.role == "admin", User.status == "active").order_by(User.id)
        return set(self._session.scalars(query.with_for_update()))

    def find_users(self, user_ids: Iterable[UUID]) -> Sequence[User]:
        """Return those of these users that exist."""
        return self._session.scalars(select(User).where(User.id.in_(set(user_ids)))).all()

    def display_names(self, user_ids: Iterable[UUID]) -> dict[UUID, str]:
        """Return the names of those of these users that exist."""
        return {user.id: user.display_name for user in self.find_users(user_ids)}

    def find_ids(self, words: Iterable[str], limit: int) -> Sequence[UUID]:
        """Return the ids of at most `limit` users who match all `words`."""
        return self._session.scalars(select(User.id).where(*map(user_matches, words)).limit(limit)).all()

    def list_users(
        self,
        *,
        limit: int,
        after: tuple[datetime, UUID] | None,
        oldest_first: bool = False,
        **filters: Unpack[UserFilters],
    ) -> Sequence[User]:
        """Return the users that match all filters, newest first, from behind `after`, a (created_at, id) pair."""
        query, key = select(User).where(*_conditions(filters)), (User.created_at, User.id)
        return self._session.scalars(by_age(query, key, limit, after, oldest_first=oldest_first)).all()

    def count_users(self, **filters: Unpack[UserFilters]) -> int:
        """Return the number of users that match all filters."""
        return self._session.scalar(select(func.count()).select_from(User).where(*_conditions(filters))) or 0

    def count_by_role_and_status(self) -> Sequence[tuple[str, str, int]]:
        """Return (role, status, number of users) for each combination that occurs."""
        query = select(User.role, User.status, func.count()).group_by(User.role, User.status)
        return [(role, status, count) for role, status, count in self._session.execute(query)]


class EncryptedColumns(Storage):
    """The encrypted columns of all tables."""

    def list_columns(self) -> Sequence[InstrumentedAttribute[str]]:
        """Return all encrypted columns."""
        columns = [column for mapper in Base.registry.mappers for column in mapper.column_attrs]
        return [column.class_attribute for column in columns if isinstance(column.columns[0].type, EncryptedText)]

    def encrypt_anew(self, column: InstrumentedAttribute[str], limit: int) -> bool:
        """Encrypt at most `limit` values that are not encrypted with the first key. Return whether there were any.

        Raises UnknownKey for a value whose key is missing.
        """
        prefix = f"{column.type.encryption.key_id}:"
        query = select(column.class_).where(~type_coerce(column, String).startswith(prefix, autoescape=True))
        rows = self._session.scalars(query.limit(limit).with_for_update()).all()
        for row in rows:
            flag_modified(row, column.key)
        self._session.flush()
        return bool(rows)


class LockoutStorage(Storage):
    """Queries on failed logins, by the SHA-256 of the username."""

    def find_lockout(self, name_digest: str) -> Lockout | None:
        """Return the failed logins of a username."""
        return self._session.get(Lockout, name_digest)

    def locked_until(self, name_digests: Iterable[str], now: datetime) -> dict[str, datetime]:
        """Return the end of the lockout for each of these digests that is locked at `now`."""
        query = select(Lockout.name_digest, Lockout.locked_until)
        rows = self._session.execute(query.where(Lockout.name_digest.in_(name_digests), Lockout.locked_until > now))
        return {digest: until for digest, until in rows if until}

    def find_lockout_to_change(self, name_digest: str) -> Lockout | None:
        """Return the failed logins of a username, locked until the transaction ends."""
        return self._session.scalar(select(Lockout).where(Lockout.name_digest == name_digest).with_for_update())

    def delete_lockout(self, name_digest: str) -> None:
        """Delete the failed logins of a username."""
        self._session.execute(delete(Lockout).where(Lockout.name_digest == name_digest))

    def delete_older(self, failed_before: datetime) -> None:
        """Delete the rows whose last failure is before `failed_before`."""
        self._session.execute(delete(Lockout).where(Lockout.failed_at < failed_before))


class LinkStorage(Storage):
    """Queries on links that were sent by mail, by the SHA-256 of their token."""

    def find_link(self, digest: str, purpose: str, now: datetime) -> MailLink | None:
        """Return the link with this digest and purpose that has not expired."""
        return self._session.scalar(self._good(digest, purpose, now))

    def find_link_to_change(self, digest: str, purpose: str, now: datetime) -> MailLink | None:
        """Return the link with this digest and purpose that has not expired, locked until the transaction ends."""
        return self._session.scalar(self._good(digest, purpose, now).with_for_update())

    def count_links(self, user_id: UUID, purpose: str, now: datetime) -> int:
        """Count the links of a user for a purpose that have not expired."""
        query = select(func.count()).where(
            MailLink.user_id == user_id, MailLink.purpose == purpose, MailLink.expires_at > now
        )
        return self._session.scalar(query) or 0

    def delete_links(self, user_id: UUID, purpose: str) -> None:
        """Delete all links of a user for a purpose."""
        self._session.execute(delete(MailLink).where(MailLink.user_id == user_id, MailLink.purpose == purpose))

    def is_reserved(self, email: str, user_id: UUID | None, now: datetime) -> bool:
        """Return whether another user than `user_id` can still undo a change away from this e-mail address."""
        query = select(MailLink.digest).where(
            func.lower(MailLink.email) == email.lower(), MailLink.purpose == "email_undo", MailLink.expires_at > now
        )
        if user_id:
            query = query.where(MailLink.user_id != user_id)
        return self._session.scalar(query.limit(1)) is not None

    def delete_newer_links(self, link: MailLink) -> None:
        """Delete a link, and those of the same user and purpose that were made after it."""
        self._session.execute(
            delete(MailLink).where(
                MailLink.user_id == link.user_id,
                MailLink.purpose == link.purpose,
                MailLink.expires_at >= link.expires_at,
            )
        )

    def delete_expired(self, now: datetime) -> None:
        """Delete the links that have expired."""
        self._session.execute(delete(MailLink).where(MailLink.expires_at <= now))

    @staticmethod
    def _good(digest: str, purpose: str, now: datetime) -> Select[MailLink]:
        return select(MailLink).where(MailLink.digest == digest, MailLink.purpose == purpose, MailLink.expires_at > now)


def _conditions(filters: UserFilters) -> list[ColumnElement[bool]]:
    found = [user_matches(word) for word in filters.get("words", ())]
    found += [User.__table__.c[name] == filters[name] for name in ("role", "status", "identity") if filters.get(name)]
    if (among := filters.get("among")) is not None:
        found.append(User.username.in_(among))
    if since := filters.get("since"):
        found.append(User.created_at >= since)
    if until := filters.get("until"):
        found.append(User.created_at < until)
    return found
