"""Queries on how far the ledger is projected."""

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
    """The one row that says how far the ledger is projected."""

    def find(self) -> Progress:
        """The row as it is now."""
        self.refresh()
        return self._session.scalars(select(Progress)).one()

    def hand_over_no_more(self) -> None:
        """Note that the ledger has the orders of all transactions."""
        self._session.execute(update(_progress).values(hands_over=False))

    def position(self) -> tuple[int, str | None]:
        """All postings up to which sequence are projected, and the transaction of that one, as of this transaction."""
        sequence, transaction_id = _position.execute(self._writer) or (0, None)
        return sequence, transaction_id

    def advance(self, sequence: int, transaction_id: str | None) -> None:
        """Note that all postings up to this one, which is that transaction's, are projected."""
        _advance.execute(self._writer, [{"id": _THE_ROW, "sequence": sequence, "transaction_id": transaction_id}])
