"""Queries on requests to remove a second factor."""

from uuid import UUID

from sqlalchemy import delete, select

from auth_service.second_factor.removal_models import FactorRemoval
from shared.db.database import Storage


class RemovalStorage(Storage):
    """Queries on requests to remove a second factor."""

    def find_removal(self, user_id: UUID) -> FactorRemoval | None:
        """Return the request about this customer, open or expired."""
        return self._session.get(FactorRemoval, user_id)

    def find_removal_to_change(self, user_id: UUID) -> FactorRemoval | None:
        """Return the request about this customer, locked until the transaction ends."""
        return self._session.scalar(select(FactorRemoval).where(FactorRemoval.user_id == user_id).with_for_update())

    def replace_removal(self, removal: FactorRemoval) -> None:
        """Insert a request in place of an expired one."""
        self.delete_removal(removal.user_id)
        self.insert(removal)

    def delete_removal(self, user_id: UUID) -> None:
        """Delete the request about this customer."""
        self._session.execute(delete(FactorRemoval).where(FactorRemoval.user_id == user_id))
