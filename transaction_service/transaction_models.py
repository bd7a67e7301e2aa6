"""Tables of the transaction service: what was asked for and what came of it."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, Text, TextClause, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.db.columns import HexId, UtcDateTime
from shared.db.database import Database
from shared.db.kept_currency import KeptCurrency


class Base(DeclarativeBase):
    """The tables of the transaction service."""


db = Database(Base, Path(__file__).with_name("migrations"))

Id = Annotated[str, mapped_column(HexId)]
"""An id in this service: 32 hexadecimal digits."""
SUSPENSE_ACCOUNT_ID = f"{1:032x}"
"""The ledger's account for money that a reversal could give back to no account of its customer."""

# Indexes of the few that are like that, whose lists would else walk through all the many that are not. They begin with
# what is the same in all of them, or SQLite would be free to take the index of all.
_NOT_COMPLETED = text("(status = 'pending' OR status = 'failed')")
_REVERSAL = text("transaction_type = 'reversal'")
_REVERSES = text("reverses_id IS NOT NULL")
_PENDING = text("status = 'pending'")


def _of_few(name: str, *columns: str, where: TextClause, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


@dataclass
class Transaction:
    """What somebody asked for, and by its status what came of it: completed, failed, or pending while that is unknown.

    A side without an account is the bank's. `reason` is the ledger's word for a failure. `timestamp` is the time of
    asking, and of booking once it is completed.
    """

    id: Id
    user_id: Id
    transaction_type: str
    amount_minor: int
    status: str
    fingerprint: str
    created_at: datetime
    timestamp: datetime
    reason: str | None = None
    description: str | None = None
    from_account_id: Id | None = None
    to_account_id: Id | None = None
    to_account_number: str | None = None
    reverses_id: Id | None = None
    from_user_id: Id | None = None
    to_user_id: Id | None = None
    from_masked_number: str | None = None
    to_masked_number: str | None = None
    from_balance_after_minor: int | None = None
    to_balance_after_minor: int | None = None
    idempotency_key: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class SuspenseItem:
    """Money in suspense: the reversal that put it there, what that reverses, whose it is, and what has paid it out.

    `account_id` and `account_number` (masked) are those of the account that could not take it back.
    """

    transaction_id: Id
    amount_minor: int
    timestamp: datetime
    description: str | None
    reverses: Id
    user_id: Id
    account_id: Id
    account_number: str | None
    paid_out_by: Id | None


class TransactionRow(Base):
    """A Transaction as it is kept: a column for each of its fields, in their order, and `search_text`.

    That is the folded description if it is not ASCII, else empty: lower() folds ASCII alike on every database, so a
    plain description costs a payment nothing more.

    Only a pending one is truly kept here. All others are a projection of the ledger's postings, and can be made again.

    The two are apart because the posting path is the busiest there is, and mapped objects were a good part of its cost.
    """

    __tablename__ = "transaction"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'completed', 'failed')", name="known_status"),
        CheckConstraint("amount_minor > 0", name="amount_is_positive"),
        Index("transaction_by_age", "timestamp", "id"),
        _of_few("transaction_not_completed", "status", "timestamp", "id", where=_NOT_COMPLETED),
        _of_few("reversal_by_age", "transaction_type", "timestamp", "id", where=_REVERSAL),
        _of_few("transaction_reversal", "reverses_id", where=_REVERSES),
        _of_few("one_pending_per_key", "user_id", "idempotency_key", where=_PENDING, unique=True),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    user_id: Mapped[Id]
    transaction_type: Mapped[str] = mapped_column(String(12))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(10))
    fingerprint: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    timestamp: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str | None] = mapped_column(String(40))
    description: Mapped[str | None] = mapped_column(String(200))
    from_account_id: Mapped[Id | None]
    to_account_id: Mapped[Id | None]
    to_account_number: Mapped[str | None] = mapped_column(String(10))
    reverses_id: Mapped[Id | None]
    from_user_id: Mapped[Id | None]
    to_user_id: Mapped[Id | None]
    from_masked_number: Mapped[str | None] = mapped_column(String(10))
    to_masked_number: Mapped[str | None] = mapped_column(String(10))
    from_balance_after_minor: Mapped[int | None] = mapped_column(BigInteger)
    to_balance_after_minor: Mapped[int | None] = mapped_column(BigInteger)
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    request_id: Mapped[str | None] = mapped_column(String(64))
    search_text: Mapped[str] = mapped_column(Text, server_default="")


class TransactionLeg(Base):
    """One side of a transaction as the owner of its account sees it: what lists and sums read, by index.

    `internal` says that both sides belong to the same person. The two large indexes leave what is of the same instant
    in no order: a list sorts these few, and every completed transaction would pay for longer keys.
    """

    __tablename__ = "transaction_leg"
    __table_args__ = (
        CheckConstraint("direction IN ('in', 'out')", name="known_direction"),
        Index("leg_by_user", "user_id", "timestamp"),
        Index("leg_by_account", "account_id", "timestamp"),
        _of_few("leg_not_completed", "user_id", "status", "timestamp", "transaction_id", where=_NOT_COMPLETED),
        _of_few("leg_of_reversal", "user_id", "transaction_type", "timestamp", "transaction_id", where=_REVERSAL),
    )

    transaction_id: Mapped[Id] = mapped_column(ForeignKey("transaction.id"), primary_key=True)
    direction: Mapped[str] = mapped_column(String(3), primary_key=True)
    user_id: Mapped[Id]
    account_id: Mapped[Id]
    transaction_type: Mapped[str] = mapped_column(String(12))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(10))
    internal: Mapped[bool]
    timestamp: Mapped[datetime] = mapped_column(UtcDateTime)


class DailyVolume(Base):
    """What the completed transactions of one day, type and direction add up to on one account, and in the whole bank.

    They are kept as transactions are completed; see volume_storage, which also says whose the bank's are. The key is
    what a summary asks for, in the order in which it is answered, and the rows lie in that order.
    """

    __tablename__ = "daily_volume"
    __table_args__ = ({"sqlite_with_rowid": False},)

    user_id: Mapped[Id] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    transaction_type: Mapped[str] = mapped_column(String(12), primary_key=True)
    direction: Mapped[str] = mapped_column(String(3), primary_key=True)
    internal: Mapped[bool] = mapped_column(primary_key=True)
    account_id: Mapped[Id] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    total_minor: Mapped[int] = mapped_column(BigInteger)
    largest_minor: Mapped[int] = mapped_column(BigInteger)


class CurrencyRow(KeptCurrency, Base):
    """What the amounts in this database are of."""


class ToldId(Base):
    """An id by which somebody was told of a transaction while its outcome was unknown, where it now has another.

    That happens when a request is made twice at once, and the ledger has decided the one that nobody was told of.
    """

    __tablename__ = "told_id"

    id: Mapped[Id] = mapped_column(primary_key=True)
    transaction_id: Mapped[Id] = mapped_column(ForeignKey("transaction.id"))


class Progress(Base):
    """How far the ledger's postings are projected: all up to `sequence`, which is that of `transaction_id`.

    There is one row. `hands_over` says that transactions are here from a time when the ledger did not keep orders, and
    that they have not all been handed over to it yet.
    """

    __tablename__ = "progress"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(BigInteger)
    transaction_id: Mapped[Id | None]
    hands_over: Mapped[bool]
