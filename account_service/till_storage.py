"""Queries on tills."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from account_service.account_models import Till
from shared.db.database import Storage
from shared.db.keyset import newest_first


class TillStorage(Storage):
    """The tills of employees, open and closed."""

    def find_till(self, till_id: UUID) -> Till | None:
        """Return the till with this id, or None."""
        return self._session.get(Till, till_id)

    def find_till_to_change(self, till_id: UUID) -> Till | None:
        """Return the till with this id, or None, and lock its row until the transaction ends."""
        return self._session.scalar(select(Till).where(Till.id == till_id).with_for_update())

    def find_open_till(self, user_id: UUID) -> Till | None:
        """Return the open till of an employee, or None."""
        return self._session.scalar(select(Till).where(Till.user_id == user_id, Till.status == "open"))

    def list_tills(
        self, *, user_id: UUID | None, status: str | None, limit: int, after: tuple[datetime, UUID] | None
    ) -> Sequence[Till]:
        """Return the tills that match all filters, newest first.

        `after` is the (opened_at, id) of the last till of the page before.
        """
        query = select(Till)
        if user_id:
            query = query.where(Till.user_id == user_id)
        if status:
            query = query.where(Till.status == status)
        return self._session.scalars(newest_first(query, (Till.opened_at, Till.id), limit, after)).all()
