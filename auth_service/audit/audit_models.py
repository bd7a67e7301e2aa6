"""Tables of the audit trail: entries, the hash chain over them, and the entries that are not chained yet."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from auth_service.auth_models import Base
from shared.db.columns import UtcDateTime

Sequence = Annotated[int, mapped_column(BigInteger().with_variant(Integer, "sqlite"))]


class AuditEntry(Base):
    """One thing that somebody did, tried or saw. Rows are only added; triggers refuse every other change.

    `service` is the process that reports it and `id` its own id for it, so that a repeated report adds nothing. Actor
    and subject are who did it and on whom; their names are those of that time. Each is NULL when nobody is known.
    `details` is canonical JSON (`audit_logic.canonical`). `search_text` is the case-folded text that `q` searches.
    """

    __tablename__ = "audit_entry"
    __table_args__ = (
        CheckConstraint("outcome IN ('success', 'failure', 'refused')", name="known_outcome"),
        Index("audit_entry_by_age", "timestamp", "sequence"),
        Index("audit_entry_by_actor", "actor_id", "timestamp"),
        Index("audit_entry_by_subject", "subject_id", "timestamp"),
        Index("audit_entry_by_action", "action", "timestamp"),
        {"sqlite_autoincrement": True},
    )

    sequence: Mapped[Sequence] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[UUID] = mapped_column(unique=True)
    service: Mapped[str] = mapped_column(String(50))
    action: Mapped[str] = mapped_column(String(60))
    outcome: Mapped[str] = mapped_column(String(10))
    actor_id: Mapped[UUID | None]
    actor: Mapped[str | None] = mapped_column(String(100))
    subject_id: Mapped[UUID | None]
    subject: Mapped[str | None] = mapped_column(String(100))
    address: Mapped[str] = mapped_column(String(45))
    user_agent: Mapped[str] = mapped_column(String(200))
    request_id: Mapped[str | None] = mapped_column(String(64))
    details: Mapped[str] = mapped_column(Text)
    timestamp: Mapped[datetime] = mapped_column(UtcDateTime)
    search_text: Mapped[str] = mapped_column(Text)


class AuditLink(Base):
    """A link of the hash chain. `hash` covers the entry and the hash of the link before it. Rows are only added."""

    __tablename__ = "audit_link"

    position: Mapped[Sequence] = mapped_column(primary_key=True, autoincrement=False)
    entry_sequence: Mapped[Sequence] = mapped_column(ForeignKey("audit_entry.sequence"), unique=True)
    hash: Mapped[str] = mapped_column(String(64))


class AuditUnchained(Base):
    """An entry that the chain does not have yet. The row is written with the entry and deleted with its link."""

    __tablename__ = "audit_unchained"

    entry_sequence: Mapped[Sequence] = mapped_column(
        ForeignKey("audit_entry.sequence"), primary_key=True, autoincrement=False
    )
