"""Queries on transactions and their legs.

The posting path is the busiest there is: its statements are built once, and it reads and writes plain rows.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    delete,
    false,
    func,
    insert,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from shared.core.texts import folded
from shared.db.bulk import KEYS, Insert
from shared.db.columns import HexId, UtcDateTime
from shared.db.database import Database, Storage
from transaction_service.transaction_models import ToldId, Transaction, TransactionLeg, TransactionRow
from transaction_service.volume_storage import VolumeStorage

_transaction: Any = TransactionRow.__table__
_leg: Any = TransactionLeg.__table__
_FIELDS = tuple(field.name for field in fields(Transaction))
_all = select(*(_transaction.c[name] for name in _FIELDS))
_reversals = select(_transaction.c.reverses_id, _transaction.c.id).where(
    _transaction.c.status == literal_column("'completed'")
)
_pending = _all.where(_transaction.c.status == literal_column("'pending'"))
_pending_by_keys = _pending.where(
    tuple_(_transaction.c.user_id, _transaction.c.idempotency_key).in_(bindparam("keys", expanding=True))
)
_COLUMNS = (*_FIELDS, "search_text")
_project = Insert(_transaction, _COLUMNS, replace=_COLUMNS[1:], replace_if=("status", "pending"))
_add_pending = Insert(_transaction, _COLUMNS, skip_known=True)


def _side(direction: str, user_id: Any, account_id: Any) -> Select[Any]:
    """The legs of one side, in the order of their columns."""
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
_LEG = tuple(column.name for column in _leg.columns)
_write_legs = Insert(_leg, _LEG, replace=_LEG[2:])


@dataclass(frozen=True)
class Filters:
    """What a list shows; amounts are minor units, and `since <= timestamp < until`."""

    transaction_type: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    at_least_minor: int | None = None
    at_most_minor: int | None = None
    text: str | None = None


class TransactionStorage(Storage):
    """Transactions, and the legs by which people find them."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._volumes = VolumeStorage(database)

    def find_transaction(self, transaction_id: str) -> Transaction | None:
        """The transaction of that id, or the one that somebody was told of by it."""
        found = next(self._found(_all.where(_transaction.c.id == transaction_id)), None)
        if found:
            return found
        told = select(ToldId.transaction_id).where(ToldId.id == transaction_id).scalar_subquery()
        return next(self._found(_all.where(_transaction.c.id == told)), None)

    def project(self, transactions: list[Transaction]) -> None:
        """Write transactions that are completed or failed: them, everybody's legs, and what they add to the sums.

        Legs and sums follow from those that were not here yet, or pending; the others stay as they are.
        """
        written = self._insert(_project, {row.id: row for row in transactions}.values())
        _write_legs.copy(self._writer, _legs, written)
        self._volumes.add(written)

    def add_pending(self, transactions: list[Transaction]) -> None:
        """Add pending transactions with their legs, but for those whose id or pending key is here already."""
        added = self._insert(_add_pending, transactions)
        _write_legs.copy(self._writer, _legs, added)

    def find_pending(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Transaction]:
        """The pending transactions of these (user id, idempotency key) pairs."""
        wanted = list(keys)
        if not wanted:
            return {}
        return {(row.user_id, str(row.idempotency_key)): row for row in self._found(_pending_by_keys, keys=wanted)}

    def find_recent(self, user_id: str, idempotency_key: str) -> Transaction | None:
        """The transaction of that key, if it is one of the user's newest thousand. There is no index of keys."""
        newest = select(_leg.c.transaction_id).where(_leg.c.user_id == user_id).order_by(_leg.c.timestamp.desc())
        theirs = _transaction.c.id.in_(newest.limit(1000).scalar_subquery())
        query = _all.where(theirs, _transaction.c.user_id == user_id)
        return next(self._found(query.where(_transaction.c.idempotency_key == idempotency_key)), None)

    def list_pending(self, after: tuple[datetime, str] | None, limit: int) -> list[Transaction]:
        """Pending transactions, oldest first; `after` is the (timestamp, id) of the last one before."""
        key = _transaction.c.timestamp, _transaction.c.id
        query = _pending.where(tuple_(*key) > position(*after)) if after else _pending
        return list(self._found(query.order_by(*key).limit(limit)))

    def list_by_id(self, after: str | None, limit: int) -> list[Transaction]:
        """All transactions in the order of their ids, behind `after`."""
        query = _all.where(_transaction.c.id > after) if after else _all
        return list(self._found(query.order_by(_transaction.c.id).limit(limit)))

    def remove_pending(self, transaction_id: str, *, decided_as: str) -> None:
        """Remove a pending transaction that was decided under another id, by which it can be found from now on."""
        for table, column in ((_leg, _leg.c.transaction_id), (_transaction, _transaction.c.id)):
            self._session.execute(delete(table).where(column == transaction_id))
        self._session.execute(insert(ToldId).values(id=transaction_id, transaction_id=decided_as))

    def find_reversal(self, transaction_id: str) -> Transaction | None:
        """The transaction that has reversed this one, or is about to."""
        query = _all.where(_transaction.c.reverses_id == transaction_id, _transaction.c.status != "failed")
        return next(self._found(query.limit(1)), None)

    def find_reversals(self, transaction_ids: Collection[str]) -> dict[str, str]:
        """Return the ids of completed reversals by the id of the transaction that each has reversed."""
        if not transaction_ids:
            return {}
        query = _reversals.where(_transaction.c.reverses_id.in_(transaction_ids))
        return {row[0]: row[1] for row in self._session.execute(query)}

    def list_of_user(
        self,
        user_id: str,
        filters: Filters,
        *,
        account_id: str | None = None,
        unsettled_reversals: bool = False,
        limit: int,
        before: tuple[datetime, str] | None = None,
    ) -> Sequence[Transaction]:
        """Return a user's transactions, or those on one account of theirs, newest first; `before` is (timestamp, id).

        Pending and failed reversals are included on request only: they are the staff's affair until money has moved.
        """
        filters = _without_end_after(before, filters)
        query = _all.join(TransactionLeg, TransactionLeg.transaction_id == TransactionRow.id)
        query = query.where(_of_user(user_id, account_id), *_leg_filters(filters), *_text_filter(filters))
        if not unsettled_reversals:
            query = query.where(_is_settled_or_no_reversal)
        return self._page(query, TransactionLeg.timestamp, TransactionLeg.transaction_id, limit, before)

    def list_all(
        self,
        filters: Filters,
        *,
        account_id: str | None = None,
        limit: int,
        before: tuple[datetime, str] | None = None,
    ) -> Sequence[Transaction]:
        """All transactions, or those that touch one account, newest first; `before` is (timestamp, id)."""
        filters = _without_end_after(before, filters)
        if account_id is None:
            query = _all.where(*_filters(TransactionRow, filters), *_text_filter(filters))
            return self._page(query, TransactionRow.timestamp, TransactionRow.id, limit, before)
        query = _all.join(TransactionLeg, TransactionLeg.transaction_id == TransactionRow.id)
        query = query.where(TransactionLeg.account_id == account_id, *_leg_filters(filters), *_text_filter(filters))
        return self._page(query, TransactionLeg.timestamp, TransactionLeg.transaction_id, limit, before)

    def _insert(self, command: Insert, transactions: Collection[Transaction]) -> list[str]:
        """Insert rows and return the ids of those that were written."""
        rows = [vars(row) | {"search_text": _search_text(row.description)} for row in transactions]
        return [row_id for (row_id,) in command.returning(self._writer, rows, ("id",))]

    def _found(self, query: Select[Any], **parameters: Any) -> Iterator[Transaction]:
        return (Transaction(*row) for row in self._session.execute(query, parameters))

    def _page(
        self,
        query: Select[Any],
        timestamp: Any,
        transaction_id: Any,
        limit: int,
        before: tuple[datetime, str] | None,
    ) -> Sequence[Transaction]:
        if before:
            query = query.where(tuple_(timestamp, transaction_id) < position(*before))
        return list(self._found(query.order_by(timestamp.desc(), transaction_id.desc()).limit(limit)))


_is_settled_or_no_reversal = or_(
    _leg.c.transaction_type != literal_column("'reversal'"), _leg.c.status == literal_column("'completed'")
)


def position(timestamp: datetime, transaction_id: str) -> Any:
    """A place in a list, with the types of its columns: PostgreSQL takes no text for an id there."""
    return tuple_(literal(timestamp, UtcDateTime), literal(transaction_id, HexId))


def _of_user(user_id: str, account_id: str | None) -> ColumnElement[bool]:
    """The legs on one account; or, to list what moved between own accounts once, all but its incoming side."""
    is_theirs = TransactionLeg.user_id == user_id
    if account_id is not None:
        # As a CASE, or SQLite may walk through all legs of the user instead of those of the account.
        return and_(TransactionLeg.account_id == account_id, case((is_theirs, true()), else_=false()))
    return and_(is_theirs, not_(and_(TransactionLeg.internal, TransactionLeg.direction == "in")))


def _without_end_after(before: tuple[datetime, str] | None, filters: Filters) -> Filters:
    """Without an end that the cursor has passed: of two ends SQLite may look for the later and walk to the other."""
    return replace(filters, until=None) if before and filters.until and before[0] < filters.until else filters


def _leg_filters(filters: Filters) -> list[ColumnElement[bool]]:
    return _filters(TransactionLeg, filters)


def _filters(table: type[TransactionRow] | type[TransactionLeg], filters: Filters) -> list[ColumnElement[bool]]:
    """The conditions that transactions and legs can both be asked for."""
    conditions: tuple[tuple[Any, Callable[[Any], ColumnElement[bool]]], ...] = (
        (filters.transaction_type, table.transaction_type.__eq__),
        (filters.status, table.status.__eq__),
        (filters.since, table.timestamp.__ge__),
        (filters.until, table.timestamp.__lt__),
        (filters.at_least_minor, table.amount_minor.__ge__),
        (filters.at_most_minor, table.amount_minor.__le__),
    )
    return [condition(value) for value, condition in conditions if value is not None]


def _text_filter(filters: Filters) -> list[ColumnElement[bool]]:
    if not filters.text:
        return []
    searched = func.coalesce(func.nullif(TransactionRow.search_text, ""), func.lower(TransactionRow.description))
    return [searched.contains(folded(filters.text), autoescape=True)]


def _search_text(description: str | None) -> str:
    return "" if description is None or description.isascii() else folded(description)
