"""The table of requests to remove the second factor of a customer who has lost it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.auth_models import Base
from shared.core.clock import now
from shared.db.columns import UtcDateTime


class FactorRemoval(Base):
    """An open request, at most one for each customer. A decision deletes it; the audit trail keeps what was decided."""

    __tablename__ = "factor_removal"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("user.id"), primary_key=True)
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("user.id"))
    reason: Mapped[str] = mapped_column(String(200))
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
