"""Queries on the notes that staff write about customers."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from auth_service.customers.customer_models import CustomerNote
from shared.db.database import Storage
from shared.db.keyset import newest_first


class NoteStorage(Storage):
    """Queries on notes about customers."""

    def list_notes(self, user_id: UUID, *, limit: int, after: tuple[int] | None) -> Sequence[CustomerNote]:
        """Return the notes about a user, newest first, from behind `after`, an id."""
        query = select(CustomerNote).where(CustomerNote.user_id == user_id)
        return self._session.scalars(newest_first(query, (CustomerNote.id,), limit, after)).all()
