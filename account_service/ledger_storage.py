"""Queries on decisions and ledger entries.

The posting path is the busiest there is: its statements are built once, and it reads and writes plain rows.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_

from account_service.account_models import Account, LedgerEntry, Posting
from shared.bulk import Insert, Last, Lookup, Update
from shared.database import Storage

_account: Any = Account.__table__
_posting: Any = Posting.__table__
_entry: Any = LedgerEntry.__table__
_lock_accounts = Lookup(_account, "id", ("id", "user_id", "account_number", "status", "balance_minor"), lock=True)
_find_by_number = Lookup(_account, "account_number", ("id",))
_find_postings = Lookup(_posting, "transaction_id", ("transaction_id", "outcome", "reason", "digest", "decided_at"))
_last_booking = Last(_entry, "sequence", ("booked_at",))
_add_postings = Insert(_posting, ("transaction_id", "outcome", "reason", "digest", "reverses_id", "decided_at"))
_add_entries = Insert(_entry, ("transaction_id", "account_id", "amount_minor", "balance_after_minor", "booked_at"))
_set_balances = Update(_account, "id", ("balance_minor",))


@dataclass(frozen=True)
class Decided:
    """What is remembered of a decision, but for its entries."""

    transaction_id: UUID
    outcome: str
    reason: str | None
    digest: str
    decided_at: datetime


@dataclass
class LockedAccount:
    """What a decision needs to know of an account; `balance_minor` runs along while a batch is decided."""

    id: UUID
    user_id: UUID
    account_number: str
    status: str
    balance_minor: int


class LedgerStorage(Storage):
    """Decisions, and the entries that they made."""

    def lock_accounts(self, ids: Collection[UUID]) -> list[LockedAccount]:
        """The accounts of those ids, locked in the order of their ids until the transaction ends."""
        return [LockedAccount(*row) for row in _lock_accounts.execute(self._writer, ids)]

    def find_by_numbers(self, account_numbers: Collection[str]) -> list[UUID]:
        """The ids of the accounts that have those numbers; neither ever changes."""
        return [account_id for (account_id,) in _find_by_number.execute(self._writer, account_numbers)]

    def find_postings(self, transaction_ids: Collection[UUID]) -> dict[UUID, Decided]:
        """The decisions taken so far, by transaction id."""
        found = _find_postings.execute(self._writer, transaction_ids)
        return {row[0]: Decided(*row) for row in found}

    def find_reversed(self, transaction_ids: Iterable[UUID]) -> set[UUID]:
        """Which of these transactions have been reversed."""
        wanted = set(transaction_ids)
        if not wanted:
            return set()
        return set(self._session.scalars(select(Posting.reverses_id).where(Posting.reverses_id.in_(wanted))))

    def find_entries(self, transaction_ids: Iterable[UUID]) -> list[LedgerEntry]:
        """The entries of these transactions, in the order in which they were made."""
        wanted = set(transaction_ids)
        if not wanted:
            return []
        query = select(LedgerEntry).where(LedgerEntry.transaction_id.in_(wanted)).order_by(LedgerEntry.sequence)
        return list(self._session.scalars(query))

    def find_last_booking(self) -> datetime | None:
        """When the newest entry was booked."""
        last = _last_booking.execute(self._writer)
        return last[0] if last else None

    def add_postings(self, rows: list[dict[str, Any]]) -> None:
        """Add decisions, given as rows of `posting`."""
        _add_postings.execute(self._writer, rows)

    def add_entries(self, rows: list[dict[str, Any]]) -> None:
        """Add entries, given as rows of `ledger_entry`, in this order."""
        _add_entries.execute(self._writer, rows)

    def set_balances(self, accounts: Iterable[LockedAccount]) -> None:
        """Write the balances of locked accounts back."""
        _set_balances.execute(self._writer, [vars(account) for account in accounts])

    def list_entries(
        self,
        account_id: UUID,
        *,
        since: datetime | None,
        until: datetime | None,
        limit: int,
        before: tuple[datetime, int] | None,
    ) -> Sequence[LedgerEntry]:
        """An account's entries of `since <= booked_at < until`, newest first; `before` is (booked_at, sequence)."""
        query = select(LedgerEntry).where(LedgerEntry.account_id == account_id)
        if since:
            query = query.where(LedgerEntry.booked_at >= since)
        if until and not (before and before[0] < until):  # or SQLite may walk from the end to the cursor on each page
            query = query.where(LedgerEntry.booked_at < until)
        if before:
            query = query.where(tuple_(LedgerEntry.booked_at, LedgerEntry.sequence) < tuple_(*before))
        query = query.order_by(LedgerEntry.booked_at.desc(), LedgerEntry.sequence.desc())
        return self._session.scalars(query.limit(limit)).all()

    def sum_of_entries(self, account_id: UUID | None = None) -> int:
        """What the entries of one account, or (without one) of all, add up to, in minor units."""
        query = select(func.coalesce(func.sum(LedgerEntry.amount_minor), 0))
        if account_id is not None:
            query = query.where(LedgerEntry.account_id == account_id)
        return int(self._session.scalar(query) or 0)
