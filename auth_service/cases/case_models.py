"""Tables of cases and their messages."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, false
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.orm import Mapped, mapped_column, relationship

from auth_service.auth_models import Base, User
from shared.core.clock import now
from shared.db.columns import SequenceKey, UtcDateTime


class CustomerCase(Base):
    """A conversation of a customer with the bank: a dispute of a payment, or a question.

    `state` is open while it is the bank's turn, answered while it is the customer's, or closed. `unread` is the number
    of the bank's messages that the customer has not seen. `changed_at` is the time of the last message. `search_text`
    is the case-folded subject.
    """

    __tablename__ = "customer_case"
    __table_args__ = (
        CheckConstraint("kind IN ('dispute', 'question')", name="known_kind"),
        CheckConstraint("state IN ('open', 'answered', 'closed')", name="known_state"),
        Index("customer_case_by_user", "user_id", "changed_at", "id"),
        Index("customer_case_by_state", "state", "changed_at", "id"),
        Index("customer_case_by_age", "changed_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    kind: Mapped[str] = mapped_column(String(10))
    subject: Mapped[str] = mapped_column(String(100))
    search_text: Mapped[str] = mapped_column(Text)
    transaction_id: Mapped[UUID | None] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(10), default="open")
    unread: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    owner: Mapped[User] = relationship(lazy="selectin")
    customer: AssociationProxy[str] = association_proxy("owner", "display_name")


class CaseMessage(Base):
    """A message of a case, exactly as it was written. Messages are only added.

    `closes` marks the message with which either side closed the case: its text is the reason, if there is one.
    """

    __tablename__ = "case_message"
    __table_args__ = (
        Index("case_message_by_case", "case_id", "sequence"),
        Index("case_message_by_author", "author_id", "created_at"),
    )

    id: Mapped[SequenceKey] = mapped_column("sequence")
    case_id: Mapped[UUID] = mapped_column(ForeignKey("customer_case.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    from_bank: Mapped[bool]
    closes: Mapped[bool] = mapped_column(default=False, server_default=false())
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    writer: Mapped[User] = relationship(lazy="selectin")
    author: AssociationProxy[str] = association_proxy("writer", "display_name")
