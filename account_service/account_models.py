"""Tables of the account service: accounts, and the ledger that explains every balance."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.core.clock import now
from shared.db.columns import HexId, UtcDateTime
from shared.db.database import Base, Database
from shared.db.kept_currency import KeptCurrency

db = Database(Path(__file__).with_name("migrations"))

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model

_REVERSED = text("reverses_id IS NOT NULL AND outcome = 'posted'")
Id = Annotated[str, mapped_column(HexId)]
"""An id in the ledger: 32 hexadecimal digits."""
_DRAWN = text("from_account_id IS NOT NULL AND outcome = 'posted'")
_PAID = text("to_account_id IS NOT NULL AND outcome = 'posted'")
SUSPENSE_ACCOUNT_ID = f"{1:032x}"
"""Where a reversal keeps money that its customer has no open account for. It has no row and no running balance.
Only reversals reach it; the transaction service keeps the record of whose money it is."""


class Account(Model):
    """A customer's account. `balance_minor` is the sum of its ledger entries.

    The bank's own side of deposits and withdrawals, the settlement account, has no row and no id: a posting has NULL on
    that side. It has no running balance either, so that it is no hot spot.
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
        """1 for a closed account, else 0: lists put closed ones last."""
        return int(self.status == "closed")


class AccountStatusChange(Model):
    """Who has frozen, unfrozen or closed an account, when and why. Rows are only ever added.

    `reason` is for the staff alone; an owner who closes an account gives none. `changed_by` and `changed_at` are not
    known of changes from before this table.
    """

    __tablename__ = "account_status_change"
    __table_args__ = (Index("account_status_change_by_account", "account_id", "sequence"),)

    sequence: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    account_id: Mapped[UUID] = mapped_column(ForeignKey("account.id"))
    from_status: Mapped[str] = mapped_column(String(10))
    to_status: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(String(200))
    changed_by: Mapped[UUID | None]
    changed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Posting(Model):
    """The decision on one transaction, taken once and never changed, with the order that it decides.

    `outcome` is posted (money has moved), rejected (for `reason`) or void (given up before it was decided). A posted
    one is the ledger entries of both its sides at once: the same amount leaves one account and reaches another, so that
    all entries always sum to zero. `decided_at` never runs backwards along `sequence`, so a time range is a range of
    postings.

    Everything that others keep of a transaction can be made from its posting: `sequence` is the order in which to read
    them. A user's idempotency key belongs to the first posting that has it, and a transaction has one posted reversal
    at most.

    A posting that is older than these columns has an empty `fingerprint` until its order is handed over
    (`ledger_logic.describe`); one that was not posted then has no user, type or amount either.
    """

    __tablename__ = "posting"
    __table_args__ = (
        CheckConstraint("outcome IN ('posted', 'rejected', 'void')", name="known_outcome"),
        UniqueConstraint("user_id", "idempotency_key", name="one_posting_per_key"),
        Index("posting_by_source", "from_account_id", "decided_at", sqlite_where=_DRAWN, postgresql_where=_DRAWN),
        Index("posting_by_target", "to_account_id", "decided_at", sqlite_where=_PAID, postgresql_where=_PAID),
        Index("posting_reversal", "reverses_id", unique=True, sqlite_where=_REVERSED, postgresql_where=_REVERSED),
    )

    sequence: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
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


@dataclass(frozen=True)
class Entry:
    """One side of a posting: a signed amount, and the balance of the account after it (None for the bank's own)."""

    sequence: int
    transaction_id: str
    amount_minor: int
    balance_after_minor: int | None
    booked_at: datetime


class CurrencyRow(KeptCurrency, Model):
    """What the amounts in this database are of."""
