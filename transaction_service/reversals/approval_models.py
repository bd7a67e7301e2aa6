"""Table of the requests that wait for a second person."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.columns import UtcDateTime
from transaction_service.transaction_models import Base, Id

_PENDING = text("status = 'pending'")


class Approval(Base):
    """A request to reverse a transaction, to pay it out of suspense, or to withdraw cash at the counter, and the
    decision of a second person on it.

    `body` is the request's body as JSON. `transaction_id` is the transaction that it is about; for a withdrawal it is
    the one that the request will become. At most one request for a transaction is pending. A pending one that is older
    than the period in which it can be decided counts as expired.
    """

    __tablename__ = "approval"
    __table_args__ = (
        CheckConstraint("action IN ('reverse', 'pay_out', 'withdraw')", name="known_action"),
        CheckConstraint("status IN ('pending', 'approved', 'rejected', 'expired')", name="known_approval_status"),
        Index("approval_by_age", "asked_at", "id"),
        Index("one_pending_approval", "transaction_id", unique=True, sqlite_where=_PENDING, postgresql_where=_PENDING),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    action: Mapped[str] = mapped_column(String(10))
    transaction_id: Mapped[Id]
    body: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(10), default="pending")
    asked_by: Mapped[UUID]
    asked_by_name: Mapped[str] = mapped_column(String(50))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    decided_by: Mapped[UUID | None]
    decided_by_name: Mapped[str | None] = mapped_column(String(50))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(200))
