"""Queries on statement exports, and the bytes of those that are ready."""

from collections.abc import Sequence
from datetime import datetime
from typing import IO, Any
from uuid import UUID

from sqlalchemy import delete, func, insert, or_, select, update

from reporting_service.reporting_models import StatementExport, StatementExportPart
from shared.db.database import Storage
from shared.db.keyset import newest_first


class StatementExportStorage(Storage):
    """The statement exports of users. One that waits or is being made is active: it has an `active_user_id`."""

    def find(self, user_id: UUID, export_id: UUID) -> StatementExport | None:
        """Return the user's export with this id, or None."""
        query = select(StatementExport).where(StatementExport.id == export_id, StatementExport.user_id == user_id)
        return self._session.scalar(query)

    def find_active(self, user_id: UUID) -> StatementExport | None:
        """Return the user's export that waits or is being made, or None."""
        return self._session.scalar(select(StatementExport).where(StatementExport.active_user_id == user_id))

    def list_of_user(
        self, user_id: UUID, *, limit: int, after: tuple[datetime, UUID] | None = None, offset: int = 0
    ) -> Sequence[StatementExport]:
        """Return the user's exports, newest first, from behind `after`, a (created_at, id)."""
        query = select(StatementExport).where(StatementExport.user_id == user_id)
        query = newest_first(query, (StatementExport.created_at, StatementExport.id), limit, after)
        return self._session.scalars(query.offset(offset)).all()

    def count_active(self) -> int:
        """Return how many exports wait or are being made."""
        active = select(func.count()).where(StatementExport.active_user_id.is_not(None))
        return self._session.scalar(active) or 0

    def claim(self, worker_id: UUID, at: datetime, *, lost_before: datetime) -> StatementExport | None:
        """Let a worker make the oldest export that waits, or whose worker was last seen before `lost_before`.

        Return it without the bytes that another worker left, or None. Two workers never claim the same one: SQLite has
        one writer, and PostgreSQL skips rows that another transaction has locked.
        """
        is_free = or_(StatementExport.worker_id.is_(None), StatementExport.seen_at < lost_before)
        query = select(StatementExport).where(StatementExport.active_user_id.is_not(None), is_free)
        oldest = query.order_by(StatementExport.created_at, StatementExport.id).limit(1)
        export = self._session.scalar(oldest.with_for_update(skip_locked=True))
        if export:
            export.worker_id, export.state, export.done, export.seen_at = worker_id, "running", 0, at
            export.attempts += 1
            self._session.flush()
            self.remove_parts(export.id)
        return export

    def list_expired(self, finished_before: datetime) -> Sequence[UUID]:
        """Return the exports that ended before an instant."""
        return self._session.scalars(
            select(StatementExport.id).where(StatementExport.finished_at < finished_before)
        ).all()

    def change_active(self, export_id: UUID, claimed_by: UUID, **values: Any) -> bool:
        """Set values of an export, if it is active and this worker makes it, and return whether that is so."""
        query = update(StatementExport).where(StatementExport.id == export_id)
        query = query.where(StatementExport.active_user_id.is_not(None), StatementExport.worker_id == claimed_by)
        return bool(self._writer.execute(query.values(**values)).rowcount)

    def add_part(self, export_id: UUID, number: int, data: bytes) -> None:
        """Add a part of the bytes of an export."""
        self._writer.execute(insert(StatementExportPart).values(export_id=export_id, number=number, data=data))

    def remove_parts(self, export_id: UUID) -> None:
        """Remove the bytes of an export."""
        self._writer.execute(delete(StatementExportPart).where(StatementExportPart.export_id == export_id))

    def remove(self, export_id: UUID) -> None:
        """Remove an export and its bytes. Its row is locked first, so that nobody adds bytes meanwhile."""
        self._writer.execute(select(StatementExport.id).where(StatementExport.id == export_id).with_for_update())
        self.remove_parts(export_id)
        self._writer.execute(delete(StatementExport).where(StatementExport.id == export_id))

    def copy_bytes(self, export_id: UUID, file: IO[bytes]) -> None:
        """Write the bytes of an export to `file`, part by part."""
        parts = select(StatementExportPart.data).filter_by(export_id=export_id).order_by(StatementExportPart.number)
        for part in self._session.scalars(parts.execution_options(yield_per=1)):
            file.write(part)
