"""The table of checks of customers' identity, and the encryption of the numbers of their documents."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Dialect, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from auth_service.auth_models import Base
from shared.core.clock import now
from shared.db.columns import SequenceKey, UtcDateTime
from shared.security.encryption import Encryption


class DocumentNumbers:
    """Encrypts the numbers of documents. The start gives it its keys."""

    def use(self, keys: Sequence[str]) -> None:
        """Encrypt with the first of these keys, and decrypt with all of them."""
        self._encryption = Encryption(keys, "numbers of documents")

    @property
    def key_id(self) -> str:
        """The id of the first key, with which each number that it has encrypted begins."""
        return self._encryption.key_id

    def encrypt(self, number: str) -> str:
        """Return a number encrypted with the first key."""
        return self._encryption.encrypt(number)

    def decrypt(self, stored: str) -> str:
        """Return a stored number. Raises UnknownKey."""
        return self._encryption.decrypt(stored)


document_numbers = DocumentNumbers()


class EncryptedDocumentNumber(TypeDecorator[str]):
    """The number of a document that only this service can read."""

    impl = String(255)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Encrypt a number."""
        return None if value is None else document_numbers.encrypt(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Decrypt a number."""
        return None if value is None else document_numbers.decrypt(value)


class IdentityCheck(Base):
    """A decision of staff on who a customer is. Rows are only added; `User.identity` is the state of the last one."""

    __tablename__ = "identity_check"
    __table_args__ = (
        CheckConstraint("state IN ('none', 'pending', 'verified', 'rejected')", name="known_state"),
        Index("identity_check_by_user", "user_id", "sequence"),
    )

    sequence: Mapped[SequenceKey]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    state: Mapped[str] = mapped_column(String(10))
    document_kind: Mapped[str | None] = mapped_column(String(20))
    document_number: Mapped[str | None] = mapped_column(EncryptedDocumentNumber)
    expires_on: Mapped[date | None]
    reason: Mapped[str] = mapped_column(String(200))
    decided_by: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
