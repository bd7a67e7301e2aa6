"""Queries on authenticator apps and recovery codes."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update

from auth_service.second_factor.second_factor_models import Authenticator, Passkey, RecoveryCode
from shared.db.database import Storage


class SecondFactorStorage(Storage):
    """Queries on authenticator apps and recovery codes."""

    def find_authenticator(self, user_id: UUID) -> Authenticator | None:
        """Return the authenticator app of a user, enabled or still being set up."""
        return self._session.get(Authenticator, user_id)

    def replace_authenticator(self, authenticator: Authenticator) -> None:
        """Insert the authenticator app of a user in place of the one before."""
        self._session.execute(delete(Authenticator).where(Authenticator.user_id == authenticator.user_id))
        self.insert(authenticator)

    def accept_step(self, user_id: UUID, step: int) -> bool:
        """Accept the code of a time step. Return False when this step or a later one was accepted before.

        One conditional statement decides, so two processes never accept the same code.
        """
        query = update(Authenticator).where(Authenticator.user_id == user_id, Authenticator.last_step < step)
        changed = query.values(last_step=step).returning(Authenticator.user_id)
        return self._session.scalar(changed) is not None

    def use_recovery_code(self, user_id: UUID, digest: str, now: datetime) -> bool:
        """Use up a recovery code. Return False when the user has no such code or has used it before.

        One conditional statement decides, so two processes never accept the same code.
        """
        query = update(RecoveryCode).where(
            RecoveryCode.user_id == user_id, RecoveryCode.digest == digest, RecoveryCode.used_at.is_(None)
        )
        changed = query.values(used_at=now).returning(RecoveryCode.digest)
        return self._session.scalar(changed) is not None

    def replace_recovery_codes(self, user_id: UUID, digests: Iterable[str]) -> None:
        """Insert the recovery codes of a user in place of all earlier ones."""
        self._session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
        self._session.execute(insert(RecoveryCode), [{"user_id": user_id, "digest": digest} for digest in digests])

    def count_recovery_codes(self, user_id: UUID) -> int:
        """Return the number of recovery codes that a user has not used."""
        query = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
        return self._session.scalar(query) or 0

    def count_passkeys(self, user_id: UUID) -> int:
        """Return the number of passkeys of a user."""
        return self._session.scalar(select(func.count()).where(Passkey.user_id == user_id)) or 0

    def delete_authenticator(self, user_id: UUID) -> None:
        """Delete the authenticator app of a user."""
        self._session.execute(delete(Authenticator).where(Authenticator.user_id == user_id))

    def delete_recovery_codes(self, user_id: UUID) -> None:
        """Delete the recovery codes of a user, used ones too."""
        self._session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))

    def delete_all(self, user_id: UUID) -> None:
        """Delete the authenticator app, the passkeys and the recovery codes of a user."""
        self.delete_authenticator(user_id)
        self._session.execute(delete(Passkey).where(Passkey.user_id == user_id))
        self.delete_recovery_codes(user_id)
