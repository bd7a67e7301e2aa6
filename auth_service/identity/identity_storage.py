"""Queries on checks of customers' identity."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import String, select, type_coerce, update

from auth_service.identity.identity_models import IdentityCheck, document_numbers
from shared.db.database import Storage


class IdentityStorage(Storage):
    """Checks of customers' identity."""

    def list_checks(self, user_id: UUID, limit: int) -> Sequence[IdentityCheck]:
        """Return the last checks of a user, newest first."""
        query = select(IdentityCheck).where(IdentityCheck.user_id == user_id)
        return self._session.scalars(query.order_by(IdentityCheck.sequence.desc()).limit(limit)).all()

    def list_numbers_with_other_key(self, limit: int) -> Sequence[tuple[int, str]]:
        """Return (sequence, number) of numbers not encrypted with the first key, locked until the end."""
        stored = type_coerce(IdentityCheck.document_number, String)
        query = select(IdentityCheck.sequence, IdentityCheck.document_number).where(
            ~stored.startswith(f"{document_numbers.key_id}:", autoescape=True)
        )
        rows = self._session.execute(query.order_by(IdentityCheck.sequence).limit(limit).with_for_update())
        return [(sequence, number) for sequence, number in rows if number is not None]

    def encrypt_numbers(self, numbers: Sequence[tuple[int, str]]) -> None:
        """Store these numbers anew, with the first key."""
        for sequence, number in numbers:
            changed = update(IdentityCheck).where(IdentityCheck.sequence == sequence)
            self._session.execute(changed.values(document_number=number))
