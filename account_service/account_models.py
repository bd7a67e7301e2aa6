"""Tables of the account service: accounts, and the ledger postings that every balance is the sum of."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.core.clock import now
from shared.db.columns import HexId, SequenceKey, UtcDateTime
from shared.db.database import Database
from shared.db.kept_currency import KeptCurrency
from shared.db.outbox import OutboxColumns


class Base(DeclarativeBase):
    """The tables of the account service."""


db = Database(Base, Path(__file__).with_name("migrations"))

_REVERSED = text("reverses_id IS NOT NULL AND outcome = 'posted'")
Id = Annotated[str, mapped_column(HexId)]
"""An id in the ledger: 32 hexadecimal digits."""
SUSPENSE_ACCOUNT_ID = f"{1:032x}"
"""The suspense account: it holds the money of reversals whose customer has no active account. It has no row and no
running balance. Only reversals may use it; the transaction service records which customer the money belongs to."""
VAULT_ACCOUNT_ID = f"{2:032x}"
"""The vault, which tills get their cash from and return it to. Like the suspense account, it has no row."""
OVER_AND_SHORT_ACCOUNT_ID = f"{3:032x}"
"""The differences between the counted and the expected cash of tills. It has no row either."""
OPEN_TILL_ID = f"{4:032x}"
"""In an order, but not in a posting that has moved money: the open till of the order's user."""
_OPEN = text("status = 'open'")


class Account(Base):
    """A customer's account. `balance_minor` is the sum of its ledger entries.

    The settlement account (the bank's side of deposits and withdrawals) has no row and no id: a posting has NULL on
    that side. It has no running balance either, because every payment would contend for that row.
    """

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("balance_minor >= 0", name="balance_is_never_negative"),
        CheckConstraint("status IN ('active', 'frozen', 'closed')", name="known_status"),
        Index("account_by_user", "user_id", "created_at"),
        Index("account_by_age", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID]
    account_number: Mapped[str] = mapped_column(String(10), unique=True)
    account_type: Mapped[str] = mapped_column(String(20))
    nickname: Mapped[str | None] = mapped_column(String(50))
    balance_minor: Mapped[int] = mapped_column(BigInteger, default=0)
    status: Mapped[str] = mapped_column(String(10), default="active")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)

    @property
    def is_closed(self) -> int:
        """Return 1 for a closed account, else 0. Lists sort by it, so that closed accounts come last."""
        return int(self.status == "closed")


class AccountStatusChange(Base):
    """A change of an account's status, with its author, time and reason. Rows are only added.

    `reason` is NULL when the owner closed the account. Its owner may read it only where `reason_is_shown`; the reasons
    of changes that are older than that column were written for staff. `changed_by` and `changed_at` are NULL for
    changes that are older than this table, `changed_by_role` for those that are older than that column.
    """

    __tablename__ = "account_status_change"
    __table_args__ = (Index("account_status_change_by_account", "account_id", "sequence"),)

    sequence: Mapped[SequenceKey]
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    from_status: Mapped[str] = mapped_column(String(10))
    to_status: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(String(200))
    reason_is_shown: Mapped[bool] = mapped_column(default=False, server_default=false())
    changed_by: Mapped[UUID | None]
    changed_by_role: Mapped[str | None] = mapped_column(String(10))
    changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Till(Base):
    """The cash of an employee at the counter: an account of the bank in the ledger, with its id.

    `cash_minor` is the cash that is expected to be counted. It is minus the sum of the till's ledger entries, because
    cash is what the bank has and balances are what it owes: a posting from the till puts cash into it, a posting to the
    till takes cash out. A closed till holds nothing: what was counted went back to the vault. `difference_minor` is the
    counted minus the expected cash.
    """

    __tablename__ = "till"
    __table_args__ = (
        CheckConstraint("cash_minor >= 0", name="cash_is_never_negative"),
        CheckConstraint("status IN ('open', 'closed')", name="known_till_status"),
        Index("till_by_age", "opened_at", "id"),
        Index("till_by_user", "user_id", "opened_at"),
        Index("one_open_till", "user_id", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID]
    float_minor: Mapped[int] = mapped_column(BigInteger)
    cash_minor: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(10), default="open")
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[UUID | None]
    counted_minor: Mapped[int | None] = mapped_column(BigInteger)
    difference_minor: Mapped[int | None] = mapped_column(BigInteger)


class Posting(Base):
    """An order and the decision on it, which is made once and never changes.

    `outcome` is posted (the money has moved), rejected (`reason` says why) or void (given up before it was decided). A
    posted posting is the ledger entry of both its sides: the same amount leaves one account and reaches another, so the
    sum of all entries is always zero. `decided_at` never decreases along `sequence`, so a time range is a range of
    sequences.

    Other services can derive all their data on a transaction from its posting, and read postings in the order of
    `sequence`. Postings of the type `till` open and close tills, and are no transactions of customers. A user's
    idempotency key belongs to the first posting that has it, and a transaction has at most one posted reversal.

    A posting that is older than the order columns has an empty `fingerprint` until the transaction service sends its
    order (`ledger_logic.describe`). If it was not posted, it has no user, type and amount until then either.
    """

    __tablename__ = "posting"
    __table_args__ = (
        CheckConstraint("outcome IN ('posted', 'rejected', 'void')", name="known_outcome"),
        UniqueConstraint("user_id", "idempotency_key", name="one_posting_per_key"),
        Index("posting_reversal", "reverses_id", unique=True, sqlite_where=_REVERSED, postgresql_where=_REVERSED),
    )

    sequence: Mapped[SequenceKey]
    transaction_id: Mapped[Id] = mapped_column(unique=True)
    outcome: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(String(40))
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime)
    fingerprint: Mapped[str] = mapped_column(String(64))
    transaction_type: Mapped[str] = mapped_column(String(12))
    user_id: Mapped[Id | None]
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    from_account_id: Mapped[Id | None]
    to_account_id: Mapped[Id | None]
    to_account_number: Mapped[str | None] = mapped_column(String(20))
    from_balance_after_minor: Mapped[int | None] = mapped_column(BigInteger)
    to_balance_after_minor: Mapped[int | None] = mapped_column(BigInteger)
    reverses_id: Mapped[Id | None]
    description: Mapped[str | None] = mapped_column(String(200))
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    request_id: Mapped[str | None] = mapped_column(String(64))
    requested_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class EntryKey(Base):
    """The position of an entry in its account: the index of posted postings by account. Rows are only added.

    `entry_storage` adds them, on SQLite later than the postings. On SQLite the table is its own index.
    """

    __tablename__ = "entry_key"
    __table_args__ = ({"sqlite_with_rowid": False},)

    account_id: Mapped[Id] = mapped_column(primary_key=True)
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class EntryProgress(Base):
    """One row: on SQLite, the postings up to `sequence` have their entry keys."""

    __tablename__ = "entry_progress"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True)
class Entry:
    """One side of a posting: the signed amount and the balance after it (None for an account of the bank).

    `other_account_id` is the account on the other side, None for the settlement account.
    """

    sequence: int
    transaction_id: str
    amount_minor: int
    balance_after_minor: int | None
    booked_at: datetime
    transaction_type: str
    description: str | None
    other_account_id: str | None


class CurrencyRow(KeptCurrency, Base):
    """The currency of all amounts in this database."""


class OutboxRow(OutboxColumns, Base):
    """An entry of the audit trail that is not delivered yet."""
