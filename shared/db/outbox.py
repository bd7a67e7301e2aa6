"""A transactional outbox: messages to another service, stored in the same commit as the change that they report.

A background task sends them and deletes what the other service has taken. A message is sent at least once, so each has
an id of its own, by which the receiver recognises a repetition.
"""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Text, delete, insert, select
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.columns import SequenceKey
from shared.db.database import Database, Storage


class OutboxColumns:
    """The columns of the table `outbox`. A service makes a model of it: `class OutboxRow(OutboxColumns, Base)`."""

    __tablename__ = "outbox"
    __table_args__ = ({"sqlite_autoincrement": True},)

    sequence: Mapped[SequenceKey]
    body: Mapped[str] = mapped_column(Text)


class Outbox(Storage):
    """The messages of a database that has the table `outbox`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._table: Any = database.metadata.tables[OutboxColumns.__tablename__]

    def add(self, body: str) -> None:
        """Add a message in the open transaction or, outside of one, in its own."""
        if not self._database.open_transaction:
            with self.transaction():
                self.add(body)
            return
        self._writer.execute(insert(self._table).values(body=body))

    def list_first(self, limit: int) -> Sequence[tuple[int, str]]:
        """Return the oldest messages, each with its sequence."""
        self.refresh()
        query = select(self._table.c.sequence, self._table.c.body).order_by(self._table.c.sequence).limit(limit)
        return [(row.sequence, row.body) for row in self._session.execute(query)]

    def remove(self, sequences: Collection[int]) -> None:
        """Delete messages that were delivered."""
        with self.transaction():
            self._writer.execute(delete(self._table).where(self._table.c.sequence.in_(sequences)))
