"""Queries on the progress of the projection."""

from typing import Any

from sqlalchemy import select, update

from shared.db.bulk import Last, Update
from shared.db.database import Storage
from transaction_service.transaction_models import Progress

_progress: Any = Progress.__table__
_position = Last(_progress, "id", ("sequence", "transaction_id"))
_advance = Update(_progress, "id", ("sequence", "transaction_id"))
_THE_ROW = 1


class ProjectionStorage(Storage):
    """The single row of `progress`."""

    def find(self) -> Progress:
        """Return the row, read anew."""
        self.refresh()
        return self._session.scalars(select(Progress)).one()

    def end_handover(self) -> None:
        """Record that the ledger has the orders of all transactions."""
        self._session.execute(update(_progress).values(hands_over=False))

    def position(self) -> tuple[int, str | None]:
        """Return, within this transaction, the sequence up to which all is projected, and its transaction id."""
        sequence, transaction_id = _position.execute(self._writer) or (0, None)
        return sequence, transaction_id

    def advance(self, sequence: int, transaction_id: str | None) -> None:
        """Record that all postings up to `sequence`, which belongs to `transaction_id`, are projected."""
        _advance.execute(self._writer, [{"id": _THE_ROW, "sequence": sequence, "transaction_id": transaction_id}])
