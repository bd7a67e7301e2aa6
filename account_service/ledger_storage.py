"""Queries on postings.

All payments run these statements, so they are built once, at import, and read and write plain rows instead of mapped
objects.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import and_, or_, select, text, type_coerce

from account_service.account_models import Account, Posting, Till
from account_service.entry_storage import EntryStorage
from account_service.ledger_schemas import ORDER_FIELDS
from shared.db.bulk import Insert, Last, Lookup, LookupTogether, Update
from shared.db.columns import HexId
from shared.db.database import Database, Storage
from shared.db.outbox import Outbox

_account: Any = Account.__table__
_posting: Any = Posting.__table__
_POSTING = tuple(column.name for column in _posting.columns)
_ACCOUNT = ("id", "user_id", "account_number", "status", "balance_minor")
_lock_accounts = Lookup(_account, "id", _ACCOUNT, lock=True)
_account_id = type_coerce(_account.c.id, HexId)
_find_accounts = select(
    _account_id, type_coerce(_account.c.user_id, HexId), *(_account.c[name] for name in _ACCOUNT[2:])
)
_find_by_number = Lookup(_account, "account_number", ("id",))
_find_by_id = Lookup(_posting, "transaction_id", _POSTING)
_find_by_key = LookupTogether(_posting, ("user_id", "idempotency_key"), _POSTING)
_last_booking = Last(_posting, "sequence", ("decided_at",))
_add_postings = Insert(_posting, _POSTING[1:])
_DESCRIBED = tuple(name for name in ORDER_FIELDS if name != "transaction_id")
_describe = Update(_posting, "transaction_id", _DESCRIBED, only_if=("fingerprint", ""))
_set_balances = Update(_account, "id", ("balance_minor",))
_till_id, _till_user_id = type_coerce(Till.id, HexId), type_coerce(Till.user_id, HexId)
_set_cash = Update(cast(Any, Till.__table__), "id", ("cash_minor",))


@dataclass(slots=True)
class LockedAccount:
    """The columns of an account that decisions need. `balance_minor` changes while a batch is decided."""

    id: str
    user_id: str
    account_number: str
    status: str
    balance_minor: int


@dataclass(slots=True)
class LockedTill:
    """The columns of a till that decisions need. `cash_minor` changes while a batch is decided."""

    id: str
    user_id: str
    is_open: bool
    cash_minor: int


class LedgerStorage(Storage):
    """Postings, and the accounts and tills that they change."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.entries = EntryStorage(database)
        self.outbox = Outbox(database)

    def lock_accounts(self, ids: Collection[str]) -> list[LockedAccount]:
        """Return the accounts with these ids, and lock their rows until the transaction ends.

        Rows are locked in the order of their ids, so that concurrent batches don't deadlock.
        """
        return [LockedAccount(*row) for row in _lock_accounts.execute(self._writer, ids)]

    def lock_tills(self, ids: Collection[str], user_ids: Collection[str]) -> list[LockedTill]:
        """Return the tills with these ids, and the open tills of these users, and lock their rows.

        Tills are locked after accounts and in the order of their ids, so that concurrent batches don't deadlock.
        """
        wanted = or_(_till_id.in_(ids), and_(_till_user_id.in_(user_ids), Till.status == "open"))
        query = select(_till_id, _till_user_id, Till.status == "open", Till.cash_minor).where(wanted)
        return [LockedTill(*row) for row in self._session.execute(query.order_by(Till.id).with_for_update())]

    def set_cash(self, tills: Iterable[LockedTill]) -> None:
        """Write the cash of locked tills."""
        _set_cash.execute(self._writer, [{"id": till.id, "cash_minor": till.cash_minor} for till in tills])

    def find_accounts(self, ids: Collection[str]) -> list[LockedAccount]:
        """Return the accounts with these ids, without locking their rows."""
        if not ids:
            return []
        return [LockedAccount(*row) for row in self._session.execute(_find_accounts.where(_account_id.in_(ids)))]

    def find_by_numbers(self, account_numbers: Collection[str]) -> list[str]:
        """Return the ids of the accounts with these numbers. Neither changes, so no lock is needed."""
        return [account_id for (account_id,) in _find_by_number.execute(self._writer, account_numbers)]

    def find_postings(
        self, transaction_ids: Collection[str], keys: Collection[tuple[str, str]]
    ) -> list[dict[str, Any]]:
        """Return the postings with these transaction ids or these (user id, idempotency key) pairs, as rows."""
        found = [*_find_by_id.execute(self._writer, transaction_ids), *_find_by_key.execute(self._writer, keys)]
        return [dict(zip(_POSTING, row, strict=True)) for row in found]

    def list_postings(self, after: int, limit: int) -> list[dict[str, Any]]:
        """Return the postings after the sequence `after`, in order, as rows. No later commit adds one between them.

        PostgreSQL assigns sequences before the commit, so a gap may be a posting that is not committed yet. At a gap
        the query is repeated under a table lock: it is granted when the open writing transactions have ended, and holds
        new ones off until then. A gap that remains belongs to a rolled-back transaction. SQLite has only one writer at
        a time, so a gap there is always final.
        """
        rows = self._postings(after, limit)
        if all(row["sequence"] == place for place, row in enumerate(rows, after + 1)):
            return rows
        if self._database.writer.dialect.name == "sqlite":
            return rows
        with self.transaction():
            self._session.execute(text("SET LOCAL lock_timeout = '2s'"))
            self._session.execute(text("LOCK TABLE posting IN SHARE MODE"))
            return self._postings(after, limit)

    def _postings(self, after: int, limit: int) -> list[dict[str, Any]]:
        query = select(_posting).where(_posting.c.sequence > after).order_by(_posting.c.sequence).limit(limit)
        return [dict(row) for row in self._session.execute(query).mappings()]

    def find_reversed(self, transaction_ids: Collection[str]) -> set[str]:
        """Return those of these transaction ids that have a posted reversal."""
        if not transaction_ids:
            return set()
        is_reversed = Posting.outcome == "posted", Posting.reverses_id.in_(transaction_ids)
        return set(self._session.scalars(select(Posting.reverses_id).where(*is_reversed)))

    def find_last_booking(self) -> datetime | None:
        """Return when the newest posting was decided; None if there is none."""
        last = _last_booking.execute(self._writer)
        return last[0] if last else None

    def add_postings(self, rows: list[dict[str, Any]]) -> None:
        """Add postings, given as rows without `sequence`, and set the `sequence` of each row."""
        sequences = dict(_add_postings.returning(self._writer, rows, ("transaction_id", "sequence")))
        for row in rows:
            row["sequence"] = sequences[row["transaction_id"]]
        self.entries.add_keys(rows)

    def describe(self, rows: list[dict[str, Any]]) -> int:
        """Set the order columns of postings that have none. Return the number of postings that were updated."""
        return len(_describe.execute(self._writer, rows))

    def set_balances(self, accounts: Iterable[LockedAccount]) -> None:
        """Write the balances of locked accounts."""
        rows = [{"id": account.id, "balance_minor": account.balance_minor} for account in accounts]
        _set_balances.execute(self._writer, rows)
