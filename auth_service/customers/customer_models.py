"""Table of the notes that staff write about customers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.orm import Mapped, mapped_column, relationship

from auth_service.auth_models import Base, User
from shared.core.clock import now
from shared.db.columns import SequenceKey, UtcDateTime


class CustomerNote(Base):
    """A note of an employee or admin about a customer. Notes are only added: a wrong one is corrected by another."""

    __tablename__ = "customer_note"
    __table_args__ = (Index("customer_note_by_user", "user_id", "sequence"),)

    id: Mapped[SequenceKey] = mapped_column("sequence")
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    writer: Mapped[User] = relationship(lazy="selectin", foreign_keys=author_id)
    author: AssociationProxy[str] = association_proxy("writer", "display_name")
