"""Queries on passkeys and on the challenges that were answered."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select

from auth_service.second_factor.second_factor_models import Passkey, SpentChallenge
from shared.db.database import Storage


class PasskeyStorage(Storage):
    """Queries on passkeys and on the challenges that were answered."""

    def list_passkeys(self, user_id: UUID) -> Sequence[Passkey]:
        """Return the passkeys of a user, oldest first."""
        query = select(Passkey).where(Passkey.user_id == user_id)
        return self._session.scalars(query.order_by(Passkey.created_at, Passkey.id)).all()

    def find_owner(self, credential_id: str) -> UUID | None:
        """Return the id of the user with this passkey, without a lock."""
        return self._session.scalar(select(Passkey.user_id).where(Passkey.credential_id == credential_id))

    def find_by_credential(self, credential_id: str) -> Passkey | None:
        """Return the passkey with this credential id, locked until the transaction ends."""
        return self._session.scalar(select(Passkey).where(Passkey.credential_id == credential_id).with_for_update())

    def delete_passkey(self, user_id: UUID, passkey_id: UUID) -> Passkey | None:
        """Delete a passkey of a user and return it; None when they have no such one."""
        query = select(Passkey).where(Passkey.id == passkey_id, Passkey.user_id == user_id).with_for_update()
        if passkey := self._session.scalar(query):
            self._session.execute(delete(Passkey).where(Passkey.id == passkey_id))
        return passkey

    def is_spent(self, digest: str) -> bool:
        """Return whether the challenge with this SHA-256 was answered before."""
        return self._session.get(SpentChallenge, digest) is not None

    def spend(self, digest: str, now: datetime) -> None:
        """Record that a challenge was answered. Raises IntegrityError when another process does so at once."""
        self.insert(SpentChallenge(digest=digest, spent_at=now))

    def delete_spent(self, before: datetime) -> None:
        """Delete the challenges that were answered before `before`."""
        self._session.execute(delete(SpentChallenge).where(SpentChallenge.spent_at < before))
