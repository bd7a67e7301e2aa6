"""Queries that compare the balances of the ledger with sums over its postings."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Subquery, Table, and_, func, literal, select, union_all

from account_service.account_models import Account, Posting, Till

SHOWN = 20


@dataclass(frozen=True)
class WrongBalance:
    """A mismatch: the stored balance of an account or till and the sum of its entries, both in minor units."""

    what: str
    owner_id: str
    kept_minor: int
    summed_minor: int


class LedgerReader:
    """Reads the ledger through a plain connection, for a check beside the running service."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def count_postings(self) -> int:
        """Return the number of posted postings."""
        query = select(func.count()).select_from(Posting).where(Posting.outcome == "posted")
        return self._connection.scalar(query) or 0

    def list_wrong(self) -> list[WrongBalance]:
        """Return at most `SHOWN` wrong balances of each kind: of accounts, of tills, and after a posting."""
        entries = _entries()
        sums = _sums(entries)
        tables: tuple[tuple[Table, str, int], ...] = (
            (Account.metadata.tables["account"], "balance_minor", 1),
            (Till.metadata.tables["till"], "cash_minor", -1),
        )
        found: list[WrongBalance] = []
        for table, column, sign in tables:
            summed = sign * func.coalesce(sums.c.total, 0)
            query = select(literal(table.name), table.c.id, table.c[column], summed)
            wrong = query.outerjoin(sums, sums.c.account_id == table.c.id).where(table.c[column] != summed)
            found += self._list(wrong)
        running = _running(entries)
        wrong = select(literal("posting"), running.c.transaction_id, running.c.balance_after, running.c.total)
        return found + self._list(wrong.where(running.c.balance_after != running.c.total))

    def _list(self, query: Select[Any]) -> list[WrongBalance]:
        rows = self._connection.execute(query.limit(SHOWN))
        return [WrongBalance(what, str(owner_id), kept, int(summed)) for what, owner_id, kept, summed in rows]


def _entries() -> Subquery:
    """Return both sides of all posted postings: the account, the signed amount, the balance afterwards."""
    sides: tuple[tuple[ColumnElement[str | None], ColumnElement[int], ColumnElement[int | None]], ...] = (
        (Posting.from_account_id.expression, -Posting.amount_minor, Posting.from_balance_after_minor.expression),
        (Posting.to_account_id.expression, Posting.amount_minor.expression, Posting.to_balance_after_minor.expression),
    )
    return union_all(
        *(
            select(
                account_id.label("account_id"),
                amount.label("amount"),
                balance_after.label("balance_after"),
                Posting.sequence,
                Posting.transaction_id,
            ).where(and_(Posting.outcome == "posted", account_id.is_not(None)))
            for account_id, amount, balance_after in sides
        )
    ).subquery()


def _sums(entries: Subquery) -> Subquery:
    query = select(entries.c.account_id, func.sum(entries.c.amount).label("total"))
    return query.group_by(entries.c.account_id).subquery()


def _running(entries: Subquery) -> Subquery:
    """Return the kept balance after each entry beside the sum of all entries of its account until then."""
    total = func.sum(entries.c.amount).over(partition_by=entries.c.account_id, order_by=entries.c.sequence)
    return select(entries.c.transaction_id, entries.c.balance_after, total.label("total")).subquery()
