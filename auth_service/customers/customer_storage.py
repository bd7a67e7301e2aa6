"""Queries on customers by parts of what they are called, and on the notes about them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_

from auth_service.auth_models import User
from auth_service.auth_storage import called
from auth_service.customers.customer_models import CustomerNote
from shared.db.database import Storage


class CustomerStorage(Storage):
    """Customers and the notes about them."""

    def list_customers(
        self,
        words: Iterable[str],
        *,
        status: str | None,
        identity: str | None,
        limit: int,
        after: tuple[datetime, UUID] | None,
    ) -> Sequence[User]:
        """Return the customers whose search text contains all `words`, newest first.

        `after` is the (created_at, id) of the last customer of the page before.
        """
        query = select(User).where(User.role == "customer")
        for word in words:
            query = query.where(called(word))
        if status:
            query = query.where(User.status == status)
        if identity:
            query = query.where(User.identity == identity)
        if after:
            query = query.where(tuple_(User.created_at, User.id) < tuple_(*after))
        return self._session.scalars(query.order_by(User.created_at.desc(), User.id.desc()).limit(limit)).all()

    def find_users(self, user_ids: Iterable[UUID]) -> Sequence[User]:
        """Return those of these users that exist."""
        return self._session.scalars(select(User).where(User.id.in_(user_ids))).all()

    def add_note(self, note: CustomerNote) -> None:
        """Add a note."""
        self._session.add(note)
        self._session.flush()

    def list_notes(self, user_id: UUID, *, limit: int, before: int | None) -> Sequence[CustomerNote]:
        """Return the notes about a user, newest first; `before` is the sequence of the last one of the page before."""
        query = select(CustomerNote).where(CustomerNote.user_id == user_id)
        if before is not None:
            query = query.where(CustomerNote.sequence < before)
        return self._session.scalars(query.order_by(CustomerNote.sequence.desc()).limit(limit)).all()
