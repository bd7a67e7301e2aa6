"""Queries on people, and on who failed to prove a name."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, tuple_

from auth_service.auth_models import Lockout, User
from shared.core.texts import folded
from shared.db.database import Storage


class UserStorage(Storage):
    """The people of the bank."""

    def add_user(self, user: User) -> None:
        """Add a new person."""
        self._session.add(user)
        self._session.flush()

    def find_user(self, user_id: UUID) -> User | None:
        """The person of that id."""
        return self._session.get(User, user_id)

    def find_user_to_change(self, user_id: UUID) -> User | None:
        """The person of that id, kept from others until the transaction ends."""
        return self._session.scalar(select(User).where(User.id == user_id).with_for_update())

    def find_by_username(self, username: str) -> User | None:
        """The person of that name, whatever its case."""
        return self._session.scalar(select(User).where(func.lower(User.username) == username.lower()))

    def find_by_email(self, email: str) -> User | None:
        """The person of that e-mail address, whatever its case."""
        return self._session.scalar(select(User).where(func.lower(User.email) == email.lower()))

    def has_admin(self) -> bool:
        """Whether there is any admin."""
        return self._session.scalar(select(User.id).where(User.role == "admin").limit(1)) is not None

    def lock_active_admins(self) -> set[UUID]:
        """The ids of all active admins, who stay so until the transaction ends."""
        query = select(User.id).where(User.role == "admin", User.status == "active").order_by(User.id)
        return set(self._session.scalars(query.with_for_update()))

    def list_users(
        self, *, q: str | None, role: str | None, status: str | None, limit: int, after: tuple[datetime, UUID] | None
    ) -> Sequence[User]:
        """People who fit all filters, newest first; `after` is (created_at, id)."""
        query = select(User)
        if q:
            query = query.where(User.search_text.contains(folded(q), autoescape=True))
        if role:
            query = query.where(User.role == role)
        if status:
            query = query.where(User.status == status)
        if after:
            query = query.where(tuple_(User.created_at, User.id) < tuple_(*after))
        return self._session.scalars(query.order_by(User.created_at.desc(), User.id.desc()).limit(limit)).all()

    def count_by_role_and_status(self) -> Sequence[tuple[str, str, int]]:
        """(role, status, number of people) of each combination."""
        query = select(User.role, User.status, func.count()).group_by(User.role, User.status)
        return [(role, status, count) for role, status, count in self._session.execute(query)]


class LockoutStorage(Storage):
    """Failures to prove a name, by the digest of that name."""

    def find_lockout(self, name_digest: str) -> Lockout | None:
        """The failures of that name."""
        return self._session.get(Lockout, name_digest)

    def locked_until(self, name_digests: Iterable[str], now: datetime) -> dict[str, datetime]:
        """Until when those of these names that are locked are so."""
        query = select(Lockout.name_digest, Lockout.locked_until)
        rows = self._session.execute(query.where(Lockout.name_digest.in_(name_digests), Lockout.locked_until > now))
        return {digest: until for digest, until in rows if until}

    def find_lockout_to_change(self, name_digest: str) -> Lockout | None:
        """The failures of that name, kept from others until the transaction ends."""
        return self._session.scalar(select(Lockout).where(Lockout.name_digest == name_digest).with_for_update())

    def add_lockout(self, lockout: Lockout) -> None:
        """Add the first failure of a name."""
        self._session.add(lockout)
        self._session.flush()

    def delete_lockout(self, name_digest: str) -> None:
        """Forget the failures of a name."""
        self._session.execute(delete(Lockout).where(Lockout.name_digest == name_digest))

    def delete_older(self, failed_before: datetime) -> None:
        """Forget all names whose last failure is older."""
        self._session.execute(delete(Lockout).where(Lockout.failed_at < failed_before))
