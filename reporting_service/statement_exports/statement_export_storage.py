"""Queries on statement exports, and the bytes of those that are ready."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import IO, Any
from uuid import UUID

from sqlalchemy import delete, insert, select, update

from reporting_service.documents.document_storage import PART_BYTES
from reporting_service.reporting_models import StatementExport, StatementExportPart
from shared.db.database import Storage
from shared.db.keyset import newest_first


class StatementExportStorage(Storage):
    """The statement exports of users. One that waits or is being made is active: it has an `active_user_id`."""

    def add(self, export: StatementExport) -> None:
        """Add an export."""
        self._session.add(export)
        self._session.flush()

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

    def list_lost(self, seen_before: datetime) -> Sequence[UUID]:
        """Return the active exports whose process has not been seen since an instant."""
        lost = select(StatementExport.id).where(StatementExport.active_user_id.is_not(None))
        return self._session.scalars(lost.where(StatementExport.seen_at < seen_before)).all()

    def list_expired(self, finished_before: datetime) -> Sequence[UUID]:
        """Return the exports that ended before an instant."""
        return self._session.scalars(
            select(StatementExport.id).where(StatementExport.finished_at < finished_before)
        ).all()

    def change_active(self, export_id: UUID, **values: Any) -> bool:
        """Set values of an export, and return whether it is active still."""
        query = update(StatementExport).where(StatementExport.id == export_id)
        query = query.where(StatementExport.active_user_id.is_not(None)).values(**values)
        return bool(self._writer.execute(query).rowcount)

    def touch(self, export_ids: Sequence[UUID], at: datetime) -> None:
        """Note that the process of these exports lives."""
        query = update(StatementExport).where(StatementExport.id.in_(export_ids)).values(seen_at=at)
        self._writer.execute(query)

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
        number = 0
        while (part := self._session.scalar(_part(export_id, number))) is not None:
            file.write(part)
            number += 1


def parts_of(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a file, part by part."""
    file.seek(0)
    while part := file.read(PART_BYTES):
        yield part


def _part(export_id: UUID, number: int) -> Any:
    wanted = StatementExportPart.export_id == export_id, StatementExportPart.number == number
    return select(StatementExportPart.data).where(*wanted)
