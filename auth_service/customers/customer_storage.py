"""Queries on customers by parts of their names and contact data, and on the notes about them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from auth_service.auth_models import User
from auth_service.auth_storage import created_between, user_matches
from auth_service.customers.customer_models import CustomerNote
from shared.db.database import Storage
from shared.db.keyset import by_age, newest_first


class CustomerStorage(Storage):
    """Customers and the notes about them."""

    def list_customers(
        self,
        words: Iterable[str],
        *,
        status: str | None,
        identity: str | None,
        among: Collection[str] | None,
        since: datetime | None = None,
        until: datetime | None = None,
        oldest_first: bool = False,
        limit: int,
        after: tuple[datetime, UUID] | None,
    ) -> Sequence[User]:
        """Return the customers who match all `words`, newest first, from behind `after`, a (created_at, id).

        `among` are usernames, and `since <= created_at < until`.
        """
        query = select(User).where(User.role == "customer")
        if among is not None:
            query = query.where(User.username.in_(among))
        for word in words:
            query = query.where(user_matches(word))
        if status:
            query = query.where(User.status == status)
        if identity:
            query = query.where(User.identity == identity)
        query = created_between(query, since, until)
        key = (User.created_at, User.id)
        return self._session.scalars(by_age(query, key, limit, after, oldest_first=oldest_first)).all()

    def count_customers(
        self, *, status: str | None = None, identity: str | None = None, among: Collection[str] | None = None
    ) -> int:
        """Return the number of customers with this status and state of identity, among these usernames."""
        query = select(func.count()).select_from(User).where(User.role == "customer")
        query = query.where(User.status == status) if status else query
        query = query.where(User.identity == identity) if identity else query
        query = query.where(User.username.in_(among)) if among is not None else query
        return self._session.scalar(query) or 0

    def find_ids(self, words: Iterable[str], limit: int) -> Sequence[UUID]:
        """Return the ids of at most `limit` users who match all `words`."""
        return self._session.scalars(select(User.id).where(*map(user_matches, words)).limit(limit)).all()

    def find_users(self, user_ids: Iterable[UUID]) -> Sequence[User]:
        """Return those of these users that exist."""
        return self._session.scalars(select(User).where(User.id.in_(user_ids))).all()

    def list_notes(self, user_id: UUID, *, limit: int, after: tuple[int] | None) -> Sequence[CustomerNote]:
        """Return the notes about a user, newest first, from behind `after`, a sequence."""
        query = select(CustomerNote).where(CustomerNote.user_id == user_id)
        return self._session.scalars(newest_first(query, (CustomerNote.sequence,), limit, after)).all()
