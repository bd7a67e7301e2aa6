"""Queries on transactions and their legs.

All payments run the statements that write, so they are built once, at import, and read and write plain rows instead of
mapped objects.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import partial
from heapq import merge
from typing import Any, NamedTuple

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
)

from shared.core.texts import folded
from shared.db.bulk import Insert
from shared.db.database import Database, Storage
from shared.db.keyset import newest_first, position
from shared.db.outbox import Outbox
from transaction_service.category_storage import effective_category
from transaction_service.leg_storage import LegStorage, newest_ids
from transaction_service.transaction_models import Transaction, TransactionAlias, TransactionLeg, TransactionRow
from transaction_service.transaction_schemas import UNCATEGORISED
from transaction_service.volumes.bank_volume_storage import BankVolumeStorage
from transaction_service.volumes.volume_storage import VolumeStorage

PAYMENTS_REMEMBERED = 2000
_transaction: Any = TransactionRow.__table__
_leg: Any = TransactionLeg.__table__
_FIELDS = tuple(field.name for field in fields(Transaction))
_all = select(*(_transaction.c[name] for name in _FIELDS))
_pending = _all.where(_transaction.c.status == literal_column("'pending'"))
_pending_by_keys = _pending.where(
    tuple_(_transaction.c.user_id, _transaction.c.idempotency_key).in_(bindparam("keys", expanding=True))
)
_COLUMNS = (*_FIELDS, "search_text")
_project = Insert(_transaction, _COLUMNS, replace=_COLUMNS[1:], replace_if=("status", "pending"))
_add_pending = Insert(_transaction, _COLUMNS, skip_known=True)
_reversal = _transaction.alias()
_is_completed_reversal = and_(
    _reversal.c.reverses_id == _transaction.c.id, _reversal.c.status == literal_column("'completed'")
)
_annotations = select(
    _transaction.c.id,
    # What pays out of suspense reverses a reversal, but does not undo it.
    case(
        (_transaction.c.reverses_id.is_(None), select(_reversal.c.id).where(_is_completed_reversal).scalar_subquery())
    ),
    effective_category(bindparam("viewer_id")),
).where(_transaction.c.id.in_(bindparam("ids", expanding=True)))


class Annotation(NamedTuple):
    """What a list shows beside a transaction: the id of its completed reversal, and the viewer's category."""

    reversed_by: str | None
    category: str | None


NO_ANNOTATION = Annotation(None, None)


@dataclass(frozen=True)
class Filters:
    """The filters of a list. Amounts are minor units, and `since <= timestamp < until`.

    `category` is one of the user `viewer_id`, or `UNCATEGORISED`.
    """

    transaction_type: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    at_least_minor: int | None = None
    at_most_minor: int | None = None
    text: str | None = None
    category: str | None = None
    viewer_id: str = ""
    masked_number: str | None = None
    """The masked number of either side."""


_LEG_ORDER = (_leg.c.timestamp, _leg.c.transaction_id)
_by_leg = _all.join(_leg, _leg.c.transaction_id == _transaction.c.id).add_columns(*_LEG_ORDER)


class TransactionStorage(Storage):
    """Transactions and their legs."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._legs = LegStorage(database)
        self._volumes, self._bank_volumes = VolumeStorage(database), BankVolumeStorage(database)
        self.outbox = Outbox(database)

    def find_transaction(self, transaction_id: str) -> Transaction | None:
        """Return the transaction with this id or this alias (`TransactionAlias`), or None."""
        found = next(self._fetch(_all.where(_transaction.c.id == transaction_id)), None)
        if found:
            return found
        by_alias = (
            select(TransactionAlias.transaction_id).where(TransactionAlias.id == transaction_id).scalar_subquery()
        )
        return next(self._fetch(_all.where(_transaction.c.id == by_alias)), None)

    def has_paid(self, user_id: str, account_id: str | None, account_number: str | None) -> bool:
        """Return whether a user has made a transfer to an account, given by id or number, that has not failed.

        Only the user's newest PAYMENTS_REMEMBERED entries are looked at, so the cost does not grow with their history.
        """
        newest = newest_ids(user_id, PAYMENTS_REMEMBERED).subquery()
        wanted = _transaction.c.to_account_id == account_id
        if account_number:
            wanted = _transaction.c.to_account_number == account_number
        paid = select(literal(1)).join(newest, newest.c.transaction_id == _transaction.c.id)
        paid = paid.where(_transaction.c.user_id == user_id, _transaction.c.transaction_type == "transfer", wanted)
        return self._session.scalar(paid.where(_transaction.c.status != "failed").limit(1)) is not None

    def project(self, transactions: list[Transaction]) -> None:
        """Write completed and failed transactions with their legs, and add them to the sums.

        Only rows that are new or were pending are written; transactions that were projected before stay unchanged.
        """
        written = self._insert(_project, {row.id: row for row in transactions}.values())
        self._legs.write(written)
        self._volumes.add(written)
        self._bank_volumes.add(written)
        self._legs.index(len(written))

    def add_pending(self, transactions: list[Transaction]) -> None:
        """Add pending transactions with their legs, except those whose id, or key of a pending one, exists already."""
        self._legs.write(self._insert(_add_pending, transactions))

    def find_pending(self, keys: Iterable[tuple[str, str | None]]) -> dict[tuple[str, str | None], Transaction]:
        """Return the pending transactions by these (user id, idempotency key) pairs. A pair without a key has none."""
        wanted = [pair for pair in keys if pair[1]]
        if not wanted:
            return {}
        return {(row.user_id, row.idempotency_key): row for row in self._fetch(_pending_by_keys, keys=wanted)}

    def find_recent(self, user_id: str, idempotency_key: str) -> Transaction | None:
        """Return the transaction with this key among the user's newest thousand, or None. Keys have no index."""
        theirs = _transaction.c.id.in_(newest_ids(user_id, 1000)), _transaction.c.user_id == user_id
        query = _all.where(*theirs)
        return next(self._fetch(query.where(_transaction.c.idempotency_key == idempotency_key)), None)

    def list_pending(self, after: tuple[datetime, str] | None, limit: int) -> list[Transaction]:
        """Return pending transactions, oldest first; `after` is the (timestamp, id) of the last one already read."""
        key = _transaction.c.timestamp, _transaction.c.id
        query = _pending.where(tuple_(*key) > position(key, after)) if after else _pending
        return list(self._fetch(query.order_by(*key).limit(limit)))

    def list_by_id(self, after: str | None, limit: int) -> list[Transaction]:
        """Return all transactions in the order of their ids, after the id `after`."""
        query = _all.where(_transaction.c.id > after) if after else _all
        return list(self._fetch(query.order_by(_transaction.c.id).limit(limit)))

    def remove_pending(self, transaction_id: str, *, decided_as: str) -> None:
        """Remove a pending transaction that was decided under another id, and make its id an alias of that one."""
        self._legs.remove(transaction_id)
        self._session.execute(delete(_transaction).where(_transaction.c.id == transaction_id))
        self._session.execute(insert(TransactionAlias).values(id=transaction_id, transaction_id=decided_as))

    def find_reversal(self, transaction_id: str) -> Transaction | None:
        """Return the completed or pending reversal of this transaction, or None."""
        query = _all.where(_transaction.c.reverses_id == transaction_id, _transaction.c.status != "failed")
        return next(self._fetch(query.limit(1)), None)

    def annotate(self, viewer_id: str, transaction_ids: Collection[str]) -> dict[str, Annotation]:
        """Return the annotations of transactions by their ids; unknown transactions are left out."""
        if not transaction_ids:
            return {}
        found = self._session.execute(_annotations, {"viewer_id": viewer_id, "ids": list(transaction_ids)})
        return {transaction_id: Annotation(*rest) for transaction_id, *rest in found.all()}

    def list_of_user(
        self,
        user_id: str,
        filters: Filters,
        *,
        account_id: str | None = None,
        unsettled_reversals: bool = False,
        limit: int,
        after: tuple[datetime, str] | None = None,
    ) -> Sequence[Transaction]:
        """Return a user's transactions, or those on one of their accounts, newest first.

        `after` is the (timestamp, id) of the last transaction of the page before. Pending and failed reversals are
        included only with `unsettled_reversals`: customers don't see a reversal before its money has moved.
        """
        filters = _drop_passed_end(after, filters)
        query = _by_leg.where(_legs_of_user(user_id, account_id), *_filters(_leg.c, filters))
        query = query.where(*_text_filter(filters), *_category_filter(filters))
        if not unsettled_reversals:
            query = query.where(_is_no_unsettled_reversal)
        return list(self._fetch(newest_first(query, _LEG_ORDER, limit, after)))

    def list_all(
        self,
        filters: Filters,
        *,
        account_id: str | None = None,
        limit: int,
        after: tuple[datetime, str] | None = None,
    ) -> Sequence[Transaction]:
        """Return all transactions, or those on one account, newest first.

        `after` is the (timestamp, id) of the last transaction of the page before.
        """
        filters = _drop_passed_end(after, filters)
        if account_id is None:
            query, order = _all.where(*_filters(_transaction.c, filters)), (_transaction.c.timestamp, _transaction.c.id)
        else:
            query, order = _by_leg.where(_leg.c.account_id == account_id, *_filters(_leg.c, filters)), _LEG_ORDER
        query = query.where(*_text_filter(filters), *_number_filter(filters))
        return list(self._fetch(newest_first(query, order, limit, after)))

    def list_of_users(
        self,
        user_ids: Iterable[str],
        filters: Filters,
        *,
        account_id: str | None = None,
        limit: int,
        after: tuple[datetime, str] | None = None,
    ) -> Sequence[Transaction]:
        """Return the transactions of any of these users, newest first: read for each along the index, then merged."""
        shown = partial(self.list_of_user, filters=filters, account_id=account_id, unsettled_reversals=True)
        read = partial(shown, limit=limit, after=after)
        rows = merge(*map(read, user_ids), key=lambda row: (row.timestamp, row.id), reverse=True)
        return list({row.id: row for row in rows}.values())[:limit]

    def count_all(self, filters: Filters, *, at_most: int) -> int:
        """Return the number of all transactions that match. It stops at `at_most`."""
        matching = select(literal(1)).select_from(_transaction)
        matching = matching.where(*_filters(_transaction.c, filters), *_text_filter(filters)).limit(at_most)
        return self._session.scalar(select(func.count()).select_from(matching.subquery())) or 0

    def _insert(self, command: Insert, transactions: Collection[Transaction]) -> list[str]:
        """Insert rows, and return the ids of those that were written."""
        rows = [vars(row) | {"search_text": _search_text(row.description)} for row in transactions]
        return [row_id for (row_id,) in command.returning(self._writer, rows, ("id",))]

    def _fetch(self, query: Select[Any], **parameters: Any) -> Iterator[Transaction]:
        return (Transaction(*row[: len(_FIELDS)]) for row in self._session.execute(query, parameters).all())


_is_no_unsettled_reversal = or_(
    _leg.c.transaction_type != literal_column("'reversal'"), _leg.c.status == literal_column("'completed'")
)
_is_no_own_receipt = not_(and_(_leg.c.internal, _leg.c.direction == literal_column("'in'")))


def _legs_of_user(user_id: str, account_id: str | None) -> ColumnElement[bool]:
    """Return the condition for the legs of a user, or for those on one account.

    Without an account, a transfer between own accounts is listed once, by its outgoing leg.
    """
    is_theirs = _leg.c.user_id == user_id
    if account_id is not None:
        # CASE keeps SQLite from using the index by user, which would scan all legs of the user.
        return and_(_leg.c.account_id == account_id, case((is_theirs, true()), else_=false()))
    return and_(is_theirs, _is_no_own_receipt)


def _drop_passed_end(after: tuple[datetime, str] | None, filters: Filters) -> Filters:
    """Drop `until` if the cursor is earlier: with two upper bounds SQLite may scan from the later to the earlier."""
    return replace(filters, until=None) if after and filters.until and after[0] < filters.until else filters


def _filters(columns: Any, filters: Filters) -> list[ColumnElement[bool]]:
    """Return the conditions on the columns that transactions and legs share."""
    conditions: tuple[tuple[Any, Callable[[Any], ColumnElement[bool]]], ...] = (
        (filters.transaction_type, columns.transaction_type.__eq__),
        (filters.status, columns.status.__eq__),
        (filters.since, columns.timestamp.__ge__),
        (filters.until, columns.timestamp.__lt__),
        (filters.at_least_minor, columns.amount_minor.__ge__),
        (filters.at_most_minor, columns.amount_minor.__le__),
    )
    return [condition(value) for value, condition in conditions if value is not None]


def _text_filter(filters: Filters) -> list[ColumnElement[bool]]:
    if not filters.text:
        return []
    searched = func.coalesce(func.nullif(_transaction.c.search_text, ""), func.lower(_transaction.c.description))
    return [searched.contains(folded(filters.text), autoescape=True)]


def _number_filter(filters: Filters) -> list[ColumnElement[bool]]:
    if filters.masked_number is None:
        return []
    sides = (_transaction.c.from_masked_number, _transaction.c.to_masked_number)
    return [or_(*(side == filters.masked_number for side in sides))]


def _category_filter(filters: Filters) -> list[ColumnElement[bool]]:
    if filters.category is None:
        return []
    category = effective_category(filters.viewer_id)
    return [category.is_(None) if filters.category == UNCATEGORISED else category == filters.category]


def _search_text(description: str | None) -> str:
    return "" if description is None or description.isascii() else folded(description)
