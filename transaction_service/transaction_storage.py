"""Queries on transactions and their legs.

The posting path is the busiest there is: its statements are built once, and it reads and writes plain rows.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    false,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from shared.bulk import KEYS, Insert, Update
from shared.database import Database, Storage
from shared.texts import folded
from transaction_service.transaction_models import Transaction, TransactionLeg, TransactionRow
from transaction_service.volume_storage import VolumeStorage

_transaction: Any = TransactionRow.__table__
_leg: Any = TransactionLeg.__table__
_SETTLED = (
    "status",
    "reason",
    "timestamp",
    "to_account_id",
    "from_user_id",
    "to_user_id",
    "from_masked_number",
    "to_masked_number",
    "from_balance_after_minor",
    "to_balance_after_minor",
)
_all = select(*_transaction.c)
_reversals = select(_transaction.c.reverses_id, _transaction.c.id).where(
    _transaction.c.status == literal_column("'completed'")
)
_by_keys = _all.where(
    tuple_(_transaction.c.user_id, _transaction.c.idempotency_key).in_(bindparam("keys", expanding=True))
)
_add = Insert(_transaction, tuple(column.name for column in _transaction.columns), skip_known=True)
_settle = Update(_transaction, "id", _SETTLED, only_if=("status", "pending"))
_lease = Update(_transaction, "id", ("lease_until",), only_if=("status", "pending"))


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
_write_legs = Insert(
    _leg,
    tuple(column.name for column in _leg.columns),
    replace=("user_id", "account_id", "status", "internal", "timestamp"),
)


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

    def find_transaction(self, transaction_id: UUID) -> Transaction | None:
        """The transaction of that id."""
        return next(self._found(_all.where(_transaction.c.id == transaction_id)), None)

    def find_by_keys(self, keys: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], Transaction]:
        """The transactions of these (user id, idempotency key) pairs."""
        wanted = list(keys)
        found = self._found(_by_keys, keys=wanted) if wanted else ()
        return {(row.user_id, str(row.idempotency_key)): row for row in found}

    def add_transactions(self, transactions: list[Transaction]) -> int:
        """Add new transactions, but for those whose idempotency key is known; how many were added.

        Lists show them once they are settled or released: before, nobody knows of them.
        """
        return _add.execute(self._writer, [vars(transaction) for transaction in transactions])

    def settle(self, transactions: list[Transaction]) -> None:
        """Write what came of those still pending: their outcome, everybody's legs, and what it adds to the sums."""
        settled = self._change_pending(_settle, transactions)
        _write_legs.copy(self._writer, _legs, settled)
        self._volumes.add(settled)

    def take_pending(self, *, now: datetime, lease_until: datetime, limit: int) -> list[Transaction]:
        """Lease up to `limit` pending transactions that nobody is at work on, oldest first.

        A lease from beyond `lease_until` was given before the clock was set back, and counts as over.
        """
        lease = _transaction.c.lease_until
        query = (
            _all.where(_transaction.c.status == "pending", or_(lease.is_(None), lease < now, lease > lease_until))
            .order_by(_transaction.c.timestamp)  # while it is pending, the time of asking
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        taken = [replace(transaction, lease_until=lease_until) for transaction in self._found(query)]
        self._change_pending(_lease, taken)
        return taken

    def release(self, transactions: list[Transaction]) -> None:
        """End the leases of those still pending, whose outcome is not known, so that recovery takes them next."""
        released = self._change_pending(
            _lease, [replace(transaction, lease_until=None) for transaction in transactions]
        )
        _write_legs.copy(self._writer, _legs, released)

    def find_reversal(self, transaction_id: UUID) -> Transaction | None:
        """The transaction that has reversed this one, or is about to."""
        query = _all.where(_transaction.c.reverses_id == transaction_id, _transaction.c.status != "failed")
        return next(self._found(query.limit(1)), None)

    def find_reversals(self, transaction_ids: Collection[UUID]) -> dict[UUID, UUID]:
        """Return the ids of completed reversals by the id of the transaction that each has reversed."""
        if not transaction_ids:
            return {}
        query = _reversals.where(_transaction.c.reverses_id.in_(transaction_ids))
        return {row[0]: row[1] for row in self._session.execute(query)}

    def list_of_user(
        self,
        user_id: UUID,
        filters: Filters,
        *,
        account_id: UUID | None = None,
        unsettled_reversals: bool = False,
        limit: int,
        before: tuple[datetime, UUID] | None = None,
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
        account_id: UUID | None = None,
        limit: int,
        before: tuple[datetime, UUID] | None = None,
    ) -> Sequence[Transaction]:
        """All transactions, or those that touch one account, newest first; `before` is (timestamp, id)."""
        filters = _without_end_after(before, filters)
        if account_id is None:
            query = _all.where(*_filters(TransactionRow, filters), *_text_filter(filters))
            return self._page(query, TransactionRow.timestamp, TransactionRow.id, limit, before)
        query = _all.join(TransactionLeg, TransactionLeg.transaction_id == TransactionRow.id)
        query = query.where(TransactionLeg.account_id == account_id, *_leg_filters(filters), *_text_filter(filters))
        return self._page(query, TransactionLeg.timestamp, TransactionLeg.transaction_id, limit, before)

    def _found(self, query: Select[Any], **parameters: Any) -> Iterator[Transaction]:
        return (Transaction(*row) for row in self._session.execute(query, parameters))

    def _change_pending(self, update: Update, transactions: list[Transaction]) -> set[UUID]:
        """Write what these say; the ids of those that were still pending."""
        return update.execute(self._writer, [vars(transaction) for transaction in transactions])

    def _page(
        self,
        query: Select[Any],
        timestamp: Any,
        transaction_id: Any,
        limit: int,
        before: tuple[datetime, UUID] | None,
    ) -> Sequence[Transaction]:
        if before:
            query = query.where(tuple_(timestamp, transaction_id) < tuple_(*before))
        return list(self._found(query.order_by(timestamp.desc(), transaction_id.desc()).limit(limit)))


_is_settled_or_no_reversal = or_(
    _leg.c.transaction_type != literal_column("'reversal'"), _leg.c.status == literal_column("'completed'")
)


def _of_user(user_id: UUID, account_id: UUID | None) -> ColumnElement[bool]:
    """The legs on one account; or, to list what moved between own accounts once, all but its incoming side."""
    is_theirs = TransactionLeg.user_id == user_id
    if account_id is not None:
        # As a CASE, or SQLite may walk through all legs of the user instead of those of the account.
        return and_(TransactionLeg.account_id == account_id, case((is_theirs, true()), else_=false()))
    return and_(is_theirs, not_(and_(TransactionLeg.internal, TransactionLeg.direction == "in")))


def _without_end_after(before: tuple[datetime, UUID] | None, filters: Filters) -> Filters:
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
    return [TransactionRow.search_text.contains(folded(filters.text), autoescape=True)] if filters.text else []
