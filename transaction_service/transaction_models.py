"""Tables of the transaction service: transactions, their legs, sums by day, and the progress of the projection."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    String,
    Text,
    TextClause,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.db.columns import HexId, UtcDateTime
from shared.db.database import Database
from shared.db.kept_currency import KeptCurrency
from shared.db.outbox import OutboxColumns


class Base(DeclarativeBase):
    """The tables of the transaction service."""


db = Database(Base, Path(__file__).with_name("migrations"))

Id = Annotated[str, mapped_column(HexId)]
"""An id in this service: 32 hexadecimal digits."""
SUSPENSE_ACCOUNT_ID = f"{1:032x}"
"""The ledger's suspense account: it holds the money of reversals whose customer has no active account."""
OPEN_TILL_ID = f"{4:032x}"
"""In an order: the open till of its user, an employee at the counter. The ledger puts the till's id in its place."""

# Partial indexes for rare rows, so that their lists skip all other rows. Each begins with the column of its condition;
# otherwise SQLite might choose the complete index of the same columns.
_NOT_COMPLETED = text("(status = 'pending' OR status = 'failed')")
_REVERSAL = text("transaction_type = 'reversal'")
_REVERSES = text("reverses_id IS NOT NULL")
_PENDING = text("status = 'pending'")


def _partial_index(name: str, *columns: str, where: TextClause, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


@dataclass
class Transaction:
    """A payment as customers see it. Its status is completed, failed, or pending while the outcome is unknown.

    A side without an account is the bank's. `reason` is the ledger's code of a failure. `timestamp` is the time of the
    booking for a completed transaction, else that of the request. A deposit from, or a withdrawal into, an account is
    cash at the counter: that account is the employee's till, and `user_id` is the employee.
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

    @property
    def is_at_counter(self) -> bool:
        """Return whether an employee booked this at the counter, for cash."""
        till_id = {"deposit": self.from_account_id, "withdrawal": self.to_account_id}.get(self.transaction_type)
        return till_id is not None


@dataclass(frozen=True)
class SuspenseItem:
    """Money in the suspense account, which the reversal `transaction_id` put there for the customer `user_id`.

    `account_id` and `account_number` (masked) are those of the account that it could not return to. `paid_out_by` is
    the transaction that paid it out, None while there is none.
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
    """The table of transactions: a column for each field of Transaction, in the same order, and `search_text`.

    `search_text` is the case-folded description if that is not ASCII, else empty: lower() folds ASCII in the same way
    on both databases, so an ASCII description is stored only once.

    Only pending rows originate here. All others are a projection of the ledger's postings, and can be rebuilt.

    Transaction is a plain dataclass because mapped objects were a large part of the cost of a payment.
    """

    __tablename__ = "transaction"
    __table_args__ = (
        CheckConstraint("status IN ('pending', 'completed', 'failed')", name="known_status"),
        CheckConstraint("amount_minor > 0", name="amount_is_positive"),
        Index("transaction_by_age", "timestamp", "id"),
        _partial_index("transaction_not_completed", "status", "timestamp", "id", where=_NOT_COMPLETED),
        _partial_index("reversal_by_age", "transaction_type", "timestamp", "id", where=_REVERSAL),
        _partial_index("transaction_reversal", "reverses_id", where=_REVERSES),
        _partial_index("one_pending_per_key", "user_id", "idempotency_key", where=_PENDING, unique=True),
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


class LegColumns:
    """The columns of the tables of legs. `internal` says that both sides belong to the same user."""

    transaction_id: Mapped[Id] = mapped_column(primary_key=True)
    direction: Mapped[str] = mapped_column(String(3), primary_key=True)
    user_id: Mapped[Id]
    account_id: Mapped[Id]
    transaction_type: Mapped[str] = mapped_column(String(12))
    amount_minor: Mapped[int] = mapped_column(BigInteger)
    status: Mapped[str] = mapped_column(String(10))
    internal: Mapped[bool]
    timestamp: Mapped[datetime] = mapped_column(UtcDateTime)


class IndexedLeg(LegColumns, Base):
    """The legs that have been indexed: all legs on PostgreSQL, all but new ones on SQLite.

    The two large indexes don't include the transaction id: a list sorts the few legs of the same instant itself, while
    longer keys would slow down every payment.
    """

    __tablename__ = "transaction_leg"
    __table_args__ = (
        ForeignKeyConstraint(["transaction_id"], ["transaction.id"]),
        CheckConstraint("direction IN ('in', 'out')", name="known_direction"),
        Index("leg_by_user", "user_id", "timestamp"),
        Index("leg_by_account", "account_id", "timestamp"),
        _partial_index("leg_not_completed", "user_id", "status", "timestamp", "transaction_id", where=_NOT_COMPLETED),
        _partial_index(
            "leg_of_reversal", "user_id", "transaction_type", "timestamp", "transaction_id", where=_REVERSAL
        ),
    )


class NewLeg(LegColumns, Base):
    """On SQLite, the legs of the newest transactions and of pending ones. They have no index yet.

    `LegStorage` moves legs to the indexed ones in bulk. On SQLite the table is its own index.
    """

    __tablename__ = "new_leg"
    __table_args__ = (
        ForeignKeyConstraint(["transaction_id"], ["transaction.id"]),
        CheckConstraint("direction IN ('in', 'out')", name="known_direction"),
        {"sqlite_with_rowid": False},
    )


LEG_TABLES: tuple[Any, ...] = (IndexedLeg.__table__, NewLeg.__table__)
"""Both tables of legs. SQLite copies the view of them where it would aggregate or join it, but not the tables."""


class _Views(DeclarativeBase):
    """Views, which no revision may take for tables."""


class TransactionLeg(LegColumns, _Views):
    """One side of a transaction, for the owner of its account. Lists and sums read legs from this view.

    It contains all legs, indexed and new. A query that sorts by columns of this view must also return them: only then
    SQLite reads the indexed legs in the order of their index, instead of sorting all.
    """

    __tablename__ = "leg"


class DailyVolume(Base):
    """The sums of completed transactions of each account by day of UTC, type and direction.

    They are updated in the commit that completes transactions. The columns of the key have the order in which summaries
    read the rows, and on SQLite the rows are stored in that order.
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


class BankVolume(Base):
    """The sums of completed transactions of the whole bank by quarter of an hour and type.

    They are updated in the commit that completes transactions. `quarter` counts from 0001-01-01T00:00:00Z. The sums are
    those of all parts (`bank_volume_storage.PARTS`) together.
    """

    __tablename__ = "bank_volume"
    __table_args__ = ({"sqlite_with_rowid": False},)

    quarter: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    transaction_type: Mapped[str] = mapped_column(String(12), primary_key=True)
    part: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger)
    total_minor: Mapped[int] = mapped_column(BigInteger)
    largest_minor: Mapped[int] = mapped_column(BigInteger)


class TransactionCategory(Base):
    """A user's category of a transaction. It is the user's own data: the ledger does not have it.

    No foreign key refers to the transaction, so a rebuild of the projection leaves these rows as they are.
    """

    __tablename__ = "transaction_category"
    __table_args__ = ({"sqlite_with_rowid": False},)

    user_id: Mapped[Id] = mapped_column(primary_key=True)
    transaction_id: Mapped[Id] = mapped_column(primary_key=True)
    category: Mapped[str] = mapped_column(String(16))


class CurrencyRow(KeptCurrency, Base):
    """The currency of all amounts in this database."""


class OutboxRow(OutboxColumns, Base):
    """An entry of the audit trail that is not delivered yet."""


class TransactionAlias(Base):
    """An alias of a transaction: the id that a client was given with status pending, before another id was decided.

    That happens when a request is sent twice at the same time, one of the two is stored as pending, and the ledger
    decides the other one. `TransactionStorage.find_transaction` finds a transaction by either id.
    """

    __tablename__ = "told_id"

    id: Mapped[Id] = mapped_column(primary_key=True)
    transaction_id: Mapped[Id] = mapped_column(ForeignKey("transaction.id"))


class Progress(Base):
    """The progress of the projection, in one row: all postings up to `sequence` are projected.

    `transaction_id` is that of the posting with this sequence. `hands_over` is true while the ledger still lacks orders
    of transactions that are older than its order columns.
    """

    __tablename__ = "progress"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sequence: Mapped[int] = mapped_column(BigInteger)
    transaction_id: Mapped[Id | None]
    hands_over: Mapped[bool]
