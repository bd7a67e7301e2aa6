"""Queries that rebuild the projection and compare it with the rows before, in SQL that both databases understand."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from shared.db.database import Storage

_SUMS = "SELECT * FROM daily_volume"
_BANK_SUMS = """
    SELECT quarter, transaction_type, sum(count) AS count, sum(total_minor) AS total, max(largest_minor) AS largest
    FROM bank_volume GROUP BY 1, 2
"""  # they are stored in parts
_SET_ASIDE = (
    "CREATE TEMPORARY TABLE old_transaction AS SELECT * FROM \"transaction\" WHERE status != 'pending'",
    f"CREATE TEMPORARY TABLE old_sums AS {_SUMS}",
    f"CREATE TEMPORARY TABLE old_bank_sums AS {_BANK_SUMS}",
    "CREATE TEMPORARY TABLE old_told_id AS SELECT * FROM told_id",
    "DELETE FROM told_id",
    "DELETE FROM transaction_leg WHERE status != 'pending'",
    "DELETE FROM new_leg WHERE status != 'pending'",
    "DELETE FROM daily_volume",
    "DELETE FROM bank_volume",
    "DELETE FROM \"transaction\" WHERE status != 'pending'",
    "UPDATE progress SET sequence = 0, transaction_id = NULL",
)
_DECIDED = "SELECT * FROM \"transaction\" WHERE status != 'pending'"
_IDS = 'SELECT id FROM "transaction"'
_COUNT = f"SELECT count(*) FROM ({_DECIDED}) AS decided"  # noqa: S608 - built from constants only
_MISSING = f"SELECT id FROM ({_DECIDED}) AS decided WHERE id NOT IN (SELECT id FROM old_transaction) ORDER BY id"  # noqa: S608 - as above
_GONE = f"SELECT id FROM old_transaction WHERE id NOT IN ({_IDS}) ORDER BY id"  # noqa: S608 - as above
_CHANGED = (
    f"SELECT id FROM ({_DECIDED} EXCEPT SELECT * FROM old_transaction) AS changed "  # noqa: S608 - as above
    "WHERE id IN (SELECT id FROM old_transaction) ORDER BY id"
)
_SUMS_DIFFER = tuple(
    f"SELECT count(*) FROM (SELECT * FROM ({query}) AS a EXCEPT SELECT * FROM {old}) AS new"  # noqa: S608 - as above
    for query, old in ((_SUMS, "old_sums"), (_BANK_SUMS, "old_bank_sums"))
)
_END = (
    f"INSERT INTO told_id SELECT * FROM old_told_id WHERE transaction_id IN ({_IDS}) AND id NOT IN ({_IDS})",  # noqa: S608 - as above
    "DROP TABLE old_transaction",
    "DROP TABLE old_sums",
    "DROP TABLE old_bank_sums",
    "DROP TABLE old_told_id",
)


@dataclass(frozen=True)
class Differences:
    """The differences between a new projection and the rows before: ids of transactions, and the number of sums."""

    decided: int
    missing: list[str]
    changed: list[str]
    gone: list[str]
    sums: int


class RebuildStorage(Storage):
    """The projected rows, copied to temporary tables for one database transaction. Pending transactions stay."""

    def set_aside(self) -> None:
        """Copy all projected rows to temporary tables, and delete them."""
        for command in _SET_ASIDE:
            self._session.execute(text(command))

    def compare(self) -> Differences:
        """Return the differences between the new rows and the copies, and drop the copies."""
        differences = Differences(
            int(self._session.scalar(text(_COUNT)) or 0),
            list(self._ids(_MISSING)),
            list(self._ids(_CHANGED)),
            list(self._ids(_GONE)),
            sum(int(self._session.scalar(text(query)) or 0) for query in _SUMS_DIFFER),
        )
        for command in _END:
            self._session.execute(text(command))
        return differences

    def _ids(self, query: str) -> Iterator[str]:
        return (UUID(str(found)).hex for found in self._session.scalars(text(query)))
