"""The table of mails that wait to be sent."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.auth_models import Base
from shared.core.clock import now
from shared.db.columns import UtcDateTime


class OutgoingMail(Base):
    """A mail to be sent: its kind, its recipient and the facts that it tells.

    Text and links are made when it is sent, so that no link that opens an account is ever in the database.
    """

    __tablename__ = "outgoing_mail"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    kind: Mapped[str] = mapped_column(String(40))
    recipient: Mapped[str] = mapped_column(String(100))
    facts: Mapped[dict[str, str]] = mapped_column(JSON)
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, index=True)
