"""The table of checks of customers' identity."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.orm import Mapped, mapped_column, relationship

from auth_service.auth_models import Base, EncryptedText, User
from shared.core.clock import now
from shared.db.columns import SequenceKey, UtcDateTime


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
    document_number: Mapped[str | None] = mapped_column(EncryptedText("numbers of documents"))
    expires_on: Mapped[date | None]
    reason: Mapped[str] = mapped_column(String(200))
    decided_by: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    decider: Mapped[User] = relationship(lazy="selectin", foreign_keys=decided_by)
    decided_by_name: AssociationProxy[str] = association_proxy("decider", "display_name")
