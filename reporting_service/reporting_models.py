"""Tables of the reporting service: reports, stored as they were returned, statements of months that are over, custom
reports, and statement exports."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import JSON, BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.db.columns import UtcDateTime
from shared.db.database import Database
from shared.db.outbox import OutboxColumns

KEPT_FOR = timedelta(days=7)
"""How long a statement export is kept after its end."""


class Base(DeclarativeBase):
    """The tables of the reporting service."""


db = Database(Base, Path(__file__).with_name("migrations"))


class Report(Base):
    """A report of the user who requested it. It never changes.

    `digest` is a SHA-256 digest of everything but the time. Reports with the same digest are numbered by `edition`,
    from 1. Editions are unique, so two concurrent requests can't both store the next one. `size_bytes` is the length of
    `report_data` as JSON.
    """

    __tablename__ = "report"
    __table_args__ = (
        UniqueConstraint("digest", "edition", name="one_report_per_edition"),
        CheckConstraint("report_type IN ('account', 'transaction', 'system')", name="known_type"),
        Index("report_by_user", "user_id", "created_at", "id"),
        Index("report_by_age", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID]
    report_type: Mapped[str] = mapped_column(String(11))
    title: Mapped[str] = mapped_column(String(100))
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    report_data: Mapped[dict[str, Any]] = mapped_column(JSON)
    size_bytes: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    edition: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class KeptStatement(Base):
    """A statement of a month that is over, in one format. It never changes.

    `shows_number` tells the owner's statement, with the whole account number, from the one that staff see. `digest` is
    the SHA-256 of the bytes, whose number is `size_bytes`.
    """

    __tablename__ = "kept_statement"
    __table_args__ = (
        UniqueConstraint("account_id", "month", "time_zone", "format", "shows_number", name="one_statement_per_month"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    account_id: Mapped[UUID]
    month: Mapped[str] = mapped_column(String(7))
    time_zone: Mapped[str] = mapped_column(String(64))
    format: Mapped[str] = mapped_column(String(8))
    shows_number: Mapped[bool]
    digest: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class KeptPart(Base):
    """A part of the bytes of a kept statement, compressed by zlib. Parts are numbered from 0."""

    __tablename__ = "kept_part"

    statement_id: Mapped[UUID] = mapped_column(ForeignKey("kept_statement.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class OutboxRow(OutboxColumns, Base):
    """An entry of the audit trail that is not delivered yet."""


class CustomReport(Base):
    """A user's choice of what to report on, kept under a name. `choice` has the other fields of `NewCustomReport`."""

    __tablename__ = "custom_report"
    __table_args__ = (
        UniqueConstraint("user_id", "name", name="one_custom_report_per_name"),
        Index("custom_report_by_user", "user_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(String(60))
    choice: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class StatementExport(Base):
    """A ZIP with a user's statements of a year, which is made in the background and removed after a week.

    `active_user_id` is the user while it waits or is being made, so each has one at most. Meanwhile `caller` is that
    user with their token, encrypted. `worker_id` is the worker that makes it, last seen at `seen_at`, and `attempts`
    counts those that have begun. `digest` and `size_bytes` are those of the ZIP.
    """

    __tablename__ = "statement_export"
    __table_args__ = (
        UniqueConstraint("active_user_id", name="one_active_export_per_user"),
        CheckConstraint("state IN ('queued', 'running', 'ready', 'failed')", name="known_state"),
        Index("statement_export_by_user", "user_id", "created_at", "id"),
        Index("statement_export_by_end", "finished_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID]
    active_user_id: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(String(7))
    done: Mapped[int]
    total: Mapped[int]
    year: Mapped[int]
    formats: Mapped[list[str]] = mapped_column(JSON)
    account_ids: Mapped[list[str]] = mapped_column(JSON)
    time_zone: Mapped[str] = mapped_column(String(64))
    caller: Mapped[str | None] = mapped_column(Text)
    worker_id: Mapped[UUID | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    failure: Mapped[str | None] = mapped_column(String(300))
    digest: Mapped[str | None] = mapped_column(String(64))
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @property
    def progress(self) -> int:
        """Return how much of it is made, in percent."""
        return 100 * self.done // self.total

    @property
    def expires_at(self) -> datetime | None:
        """Return when it is removed; None before it has ended."""
        return self.finished_at and self.finished_at + KEPT_FOR


class StatementExportPart(Base):
    """A part of the bytes of a statement export. Parts are numbered from 0."""

    __tablename__ = "statement_export_part"

    export_id: Mapped[UUID] = mapped_column(ForeignKey("statement_export.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)
