"""Queries on transactions and their legs. The posting path writes plain rows: it is the busiest there is."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, false, not_, or_, select, true, tuple_, update

from shared.bulk_insert import Insert
from shared.database import Database, Storage
from transaction_service.transaction_models import Transaction, TransactionLeg
from transaction_service.volume_storage import VolumeStorage

_transaction: Any = Transaction.__table__
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
_COLUMNS = tuple(column.name for column in _transaction.columns)
_LEG_COLUMNS = tuple(column.name for column in _leg.columns)
_LEG_CHANGES = ("user_id", "account_id", "status", "internal", "timestamp")
_new_transactions = Insert(_transaction, _COLUMNS)
_new_legs = Insert(_leg, _LEG_COLUMNS)
_settled_transactions = Insert(_transaction, _COLUMNS, replace=_SETTLED, only="status = 'pending'")
_settled_legs = Insert(_leg, _LEG_COLUMNS, replace=_LEG_CHANGES)


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
        return self._session.get(Transaction, transaction_id)

    def find_by_keys(self, keys: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], Transaction]:
        """The transactions of these (user id, idempotency key) pairs."""
        wanted = list(keys)
        if not wanted:
            return {}
        pair = tuple_(Transaction.user_id, Transaction.idempotency_key)
        found = self._session.scalars(select(Transaction).where(pair.in_(wanted)))
        return {(row.user_id, str(row.idempotency_key)): row for row in found}

    def add_transactions(self, transactions: list[Transaction]) -> None:
        """Add transactions, each with the leg of whoever asked for it."""
        connection = self._session.connection()
        _new_transactions.execute(connection, [_row(transaction) for transaction in transactions])
        _new_legs.execute(connection, [leg for transaction in transactions if (leg := _own_leg(transaction))])

    def lock_pending(self, ids: Iterable[UUID]) -> set[UUID]:
        """Which of these are still pending; they are kept from others until the transaction ends."""
        query = (
            select(_transaction.c.id)
            .where(_transaction.c.id.in_(list(ids)), _transaction.c.status == "pending")
            .order_by(_transaction.c.id)
            .with_for_update()
        )
        return set(self._session.scalars(query))

    def settle(self, transactions: list[Transaction]) -> None:
        """Write what came of pending transactions: their outcome, everybody's legs, and what it adds to the sums."""
        connection = self._session.connection()
        _settled_transactions.execute(connection, [_row(transaction) for transaction in transactions])
        _settled_legs.execute(connection, [leg for transaction in transactions for leg in _legs(transaction)])
        self._volumes.add(transactions)

    def take_pending(self, *, now: datetime, lease_until: datetime, limit: int) -> list[Transaction]:
        """Lease up to `limit` pending transactions that nobody is at work on, oldest first.

        A lease from beyond `lease_until` was given before the clock was set back, and counts as over.
        """
        lease = Transaction.lease_until
        query = (
            select(Transaction)
            .where(Transaction.status == "pending", or_(lease.is_(None), lease < now, lease > lease_until))
            .order_by(Transaction.timestamp)  # while it is pending, the time of asking
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        taken = list(self._session.scalars(query))
        for row in taken:
            row.lease_until = lease_until
        return taken

    def release(self, ids: Iterable[UUID]) -> None:
        """End the leases of transactions whose outcome is not known, so that recovery takes them next."""
        self._session.execute(
            update(_transaction)
            .where(_transaction.c.id.in_(list(ids)), _transaction.c.status == "pending")
            .values(lease_until=None)
        )

    def find_reversal(self, transaction_id: UUID) -> Transaction | None:
        """The transaction that has reversed this one, or is about to."""
        query = select(Transaction).where(Transaction.reverses_id == transaction_id, Transaction.status != "failed")
        return self._session.scalar(query.limit(1))

    def list_of_user(
        self,
        user_id: UUID,
        filters: Filters,
        *,
        account_id: UUID | None = None,
        limit: int,
        before: tuple[datetime, UUID] | None = None,
    ) -> Sequence[Transaction]:
        """A user's transactions, or those on one account of theirs, newest first; `before` is (timestamp, id)."""
        filters = _without_end_after(before, filters)
        query = select(Transaction).join(TransactionLeg, TransactionLeg.transaction_id == Transaction.id)
        query = query.where(_of_user(user_id, account_id), *_leg_filters(filters), *_text_filter(filters))
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
            query = select(Transaction).where(*_filters(Transaction, filters), *_text_filter(filters))
            return self._page(query, Transaction.timestamp, Transaction.id, limit, before)
        query = select(Transaction).join(TransactionLeg, TransactionLeg.transaction_id == Transaction.id)
        query = query.where(TransactionLeg.account_id == account_id, *_leg_filters(filters), *_text_filter(filters))
        return self._page(query, TransactionLeg.timestamp, TransactionLeg.transaction_id, limit, before)

    def _page(
        self,
        query: Select[Transaction],
        timestamp: Any,
        transaction_id: Any,
        limit: int,
        before: tuple[datetime, UUID] | None,
    ) -> Sequence[Transaction]:
        if before:
            query = query.where(tuple_(timestamp, transaction_id) < tuple_(*before))
        return self._session.scalars(query.order_by(timestamp.desc(), transaction_id.desc()).limit(limit)).all()


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


def _filters(table: type[Transaction] | type[TransactionLeg], filters: Filters) -> list[ColumnElement[bool]]:
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
    return [Transaction.description.icontains(filters.text, autoescape=True)] if filters.text else []


def _row(transaction: Transaction) -> dict[str, Any]:
    return {name: getattr(transaction, name) for name in _COLUMNS}


def _own_leg(row: Transaction) -> dict[str, Any] | None:
    """The leg of the account that belongs to whoever asked; the other side is known once the ledger has answered."""
    legs = _legs(row)
    return legs[0] if legs else None


def _legs(row: Transaction) -> list[dict[str, Any]]:
    sides = (("out", row.from_user_id, row.from_account_id), ("in", row.to_user_id, row.to_account_id))
    return [
        {
            "transaction_id": row.id,
            "direction": direction,
            "user_id": user_id,
            "account_id": account_id,
            "transaction_type": row.transaction_type,
            "amount_minor": row.amount_minor,
            "status": row.status,
            "internal": row.from_user_id == row.to_user_id,
            "timestamp": row.timestamp,
        }
        for direction, user_id, account_id in sides
        if user_id is not None and account_id is not None
    ]
