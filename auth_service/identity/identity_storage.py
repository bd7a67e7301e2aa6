"""Queries on checks of customers' identity."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from auth_service.identity.identity_models import IdentityCheck
from shared.db.database import Storage


class IdentityStorage(Storage):
    """Checks of customers' identity."""

    def list_checks(self, user_id: UUID, limit: int) -> Sequence[IdentityCheck]:
        """Return the last checks of a user, newest first."""
        query = select(IdentityCheck).where(IdentityCheck.user_id == user_id)
        return self._session.scalars(query.order_by(IdentityCheck.sequence.desc()).limit(limit)).all()
