"""Queries that write legs.

On SQLite new legs are kept apart, and indexed in bulk. Written one by one, each would land on two pages of its own, all
over the two large indexes, and these pages were most of what a payment wrote. The legs of a thousand payments share
pages.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import CompoundSelect, Select, delete, func, insert, literal_column, not_, select, union_all

from shared.db.bulk import KEYS, Insert
from shared.db.database import Database, Storage
from transaction_service.transaction_models import IndexedLeg, NewLeg, TransactionRow

MAX_NEW_TRANSACTIONS = 1024
"""On SQLite, legs are indexed when so many transactions have been written since the last time."""
LEGS = 2  # of a transfer; a deposit or a withdrawal has one

_transaction: Any = TransactionRow.__table__
_new: Any = NewLeg.__table__
_indexed: Any = IndexedLeg.__table__
_COLUMNS = tuple(column.name for column in _new.columns)


def _side(direction: str, user_id: Any, account_id: Any) -> Select[Any]:
    """Return the query that derives the legs of one side, with columns in the order of the table of legs."""
    return select(
        _transaction.c.id,
        literal_column(f"'{direction}'"),
        user_id,
        account_id,
        _transaction.c.transaction_type,
        _transaction.c.amount_minor,
        _transaction.c.status,
        _transaction.c.from_user_id.is_not_distinct_from(_transaction.c.to_user_id),
        _transaction.c.timestamp,
    ).where(_transaction.c.id.in_(KEYS), user_id.is_not(None), account_id.is_not(None))


_legs = union_all(
    _side("out", _transaction.c.from_user_id, _transaction.c.from_account_id),
    _side("in", _transaction.c.to_user_id, _transaction.c.to_account_id),
)
_add_new = Insert(_new, _COLUMNS, replace=_COLUMNS[2:])
_add_indexed = Insert(_indexed, _COLUMNS, replace=_COLUMNS[2:])
_is_decided = _new.c.status != literal_column("'pending'")


def keeps_new_legs(database: Database) -> bool:
    """Return whether new legs are kept apart."""
    return database.writer.dialect.name == "sqlite"


def newest_ids(user_id: str, limit: int) -> CompoundSelect[Any]:
    """Return the query of the transaction ids of a user's `limit` newest indexed legs, and of all their new ones."""
    indexed = select(_indexed.c.transaction_id).where(_indexed.c.user_id == user_id)
    newest = indexed.order_by(_indexed.c.timestamp.desc()).limit(limit).subquery()
    return union_all(select(newest), select(_new.c.transaction_id).where(_new.c.user_id == user_id))


class LegStorage(Storage):
    """The legs of transactions, written here and read from the view `TransactionLeg`."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._new_legs: int | None = None

    def write(self, transaction_ids: Collection[str]) -> None:
        """Write the legs of transactions that are new or were pending."""
        (_add_new if keeps_new_legs(self._database) else _add_indexed).copy(self._writer, _legs, transaction_ids)

    def index(self, transactions: int) -> None:
        """Count transactions whose legs were written. When there are enough, index the legs of all decided ones.

        After a start the table is counted, so that legs don't pile up in a process that is restarted often.
        """
        if not keeps_new_legs(self._database):
            return
        if self._new_legs is None:
            self._new_legs = self._session.scalar(select(func.count()).select_from(_new)) or 0
        else:
            self._new_legs += LEGS * transactions
        if self._new_legs >= LEGS * MAX_NEW_TRANSACTIONS:
            self._new_legs = 0
            decided = select(_new).where(_is_decided).order_by(_new.c.account_id, _new.c.timestamp)
            self._session.execute(insert(_indexed).from_select(_COLUMNS, decided))
            has_pending = self._session.scalar(select(_new.c.transaction_id).where(not_(_is_decided)).limit(1))
            # Without a condition SQLite empties a table at once instead of deleting row by row.
            self._session.execute(delete(_new).where(_is_decided) if has_pending else delete(_new))

    def remove(self, transaction_id: str) -> None:
        """Remove the legs of a pending transaction."""
        table = _new if keeps_new_legs(self._database) else _indexed
        self._session.execute(delete(table).where(table.c.transaction_id == transaction_id))
