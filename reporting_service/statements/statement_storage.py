"""The entries of a statement while it is written, in a temporary file, and the statements that are kept."""

import zlib
from collections.abc import Iterator
from datetime import date, datetime
from typing import IO, Any
from uuid import UUID

from pydantic_core import from_json, to_json
from sqlalchemy import func, insert, select

from reporting_service.documents.document_storage import parts_of, temporary_file
from reporting_service.reporting_models import KeptPart, KeptStatement
from reporting_service.statements.statement_schemas import StatementEntry
from shared.db.database import Storage


class EntryFile:
    """Entries in a temporary file, so that memory does not grow with their number."""

    def __init__(self) -> None:
        self._file = temporary_file()

    def add(self, entry: StatementEntry) -> None:
        """Add an entry after the others."""
        self._file.write(to_json(entry) + b"\n")

    def __iter__(self) -> Iterator[StatementEntry]:
        self._file.seek(0)
        for line in self._file:
            entry_id, day, booked_at, *rest = from_json(line)
            yield StatementEntry(entry_id, date.fromisoformat(day), datetime.fromisoformat(booked_at), *rest)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


class KeptStatementStorage(Storage):
    """The statements that are kept."""

    def find(self, **key: Any) -> KeptStatement | None:
        """Return the statement with these values of the unique constraint, or None."""
        return self._session.scalar(select(KeptStatement).filter_by(**key))

    def count_zones(self, account_id: UUID, month: str, *, besides: str = "") -> int:
        """Return in how many time zones, `besides` one, statements of an account and a month are kept."""
        zones = select(func.count(KeptStatement.time_zone.distinct()))
        zones = zones.where(KeptStatement.time_zone != besides)
        return self._session.scalar(zones.filter_by(account_id=account_id, month=month)) or 0

    def add(self, statement: KeptStatement, file: IO[bytes]) -> None:
        """Add a statement with the bytes of `file`. They are read part by part."""
        self.insert(statement)
        for number, part in enumerate(parts_of(file)):
            row = {"statement_id": statement.id, "number": number, "data": zlib.compress(part)}
            self._session.execute(insert(KeptPart).values(row))

    def copy_bytes(self, statement_id: UUID, file: IO[bytes]) -> None:
        """Write the bytes of a statement to `file`, part by part."""
        parts = select(KeptPart.data).filter_by(statement_id=statement_id).order_by(KeptPart.number)
        for part in self._session.scalars(parts.execution_options(yield_per=1)):
            file.write(zlib.decompress(part))
