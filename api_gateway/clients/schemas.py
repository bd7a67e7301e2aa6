"""What the services answer, as the pages read it. Money is Decimal, times are aware datetimes in UTC."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

ACCOUNT_TYPES = {
    "checking": "Checking",
    "savings": "Savings",
    "investment": "Investment",
    "fixed_deposit": "Fixed deposit",
}


SUSPENSE_ACCOUNT_ID = UUID(int=1)
"""The bank's account for money that a reversal could give back to no account of its customer. It has no page."""


class Seen(BaseModel):
    """Part of an answer: what a page does not need is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Page(Seen):
    """Where a list goes on."""

    limit: int
    next_cursor: str | None = None


class Account(Seen):
    """An account. `account_number` is whole only in the owner's own details, else ••••1234."""

    id: UUID
    user_id: UUID
    account_number: str
    account_type: str
    nickname: str | None = None
    balance: Decimal
    currency: str
    status: str
    created_at: datetime

    @property
    def name(self) -> str:
        """What its owner calls it."""
        return self.nickname or f"{ACCOUNT_TYPES.get(self.account_type, self.account_type)} account"

    @property
    def masked_number(self) -> str:
        """••••1234."""
        return f"••••{self.account_number[-4:]}"

    @property
    def label(self) -> str:
        """Name and masked number, to choose by."""
        return f"{self.name} {self.masked_number}"

    @property
    def is_active(self) -> bool:
        """Whether money can move."""
        return self.status == "active"


class Accounts(Seen):
    """A page of accounts."""

    accounts: list[Account]
    pagination: Page


class StatusChange(Seen):
    """A change of an account's state: who, when and why, as far as that was kept."""

    from_status: str
    to_status: str
    reason: str | None = None
    changed_by: UUID | None = None
    changed_at: datetime | None = None


class StatusHistory(Seen):
    """A page of the changes of an account's state, newest first."""

    status_history: list[StatusChange]
    pagination: Page


class Entry(Seen):
    """A row of an account's history: the signed amount, and the balance after it."""

    amount: Decimal
    balance_after: Decimal
    transaction_id: UUID
    timestamp: datetime


class Entries(Seen):
    """A page of an account's history, newest first."""

    history: list[Entry]
    pagination: Page


class Payee(Seen):
    """Who would be paid: masked number and masked name."""

    account_number: str
    owner_name: str


class User(Seen):
    """A person as an admin sees them; `locked_until` after too many wrong passwords."""

    id: UUID
    username: str
    email: str
    full_name: str | None = None
    phone: str | None = None
    role: str
    status: str
    created_at: datetime
    locked_until: datetime | None = None

    @property
    def name(self) -> str:
        """What they are called."""
        return self.full_name or self.username


class Person(Seen):
    """A person as an employee sees them."""

    id: UUID
    username: str
    full_name: str | None = None
    role: str
    status: str

    @property
    def name(self) -> str:
        """What they are called."""
        return self.full_name or self.username


class Users(Seen):
    """A page of people."""

    users: list[User]
    pagination: Page


Direction = Literal["in", "out", "between", "past"]


class Transaction(Seen):
    """A transaction as one person sees it: an account of somebody else has a masked number and no id."""

    id: UUID
    transaction_type: str
    amount: Decimal
    currency: str
    status: str
    failure_code: str | None = None
    account_id: UUID | None = None
    account_number: str | None = None
    from_account_id: UUID | None = None
    from_account_number: str | None = None
    to_account_id: UUID | None = None
    to_account_number: str | None = None
    reverses: UUID | None = None
    reversed_by: UUID | None = None
    description: str | None = None
    timestamp: datetime
    balance_after: Decimal | None = None

    @property
    def source_id(self) -> UUID | None:
        """The account that the money comes from, where the viewer may know it."""
        return self.account_id if self.transaction_type == "withdrawal" else self.from_account_id

    @property
    def target_id(self) -> UUID | None:
        """The account that the money goes to, where the viewer may know it."""
        return self.account_id if self.transaction_type == "deposit" else self.to_account_id

    @property
    def source_number(self) -> str | None:
        """The masked number of the account that the money comes from; None for the bank, or not yet known."""
        return self.account_number if self.transaction_type == "withdrawal" else self.from_account_number

    @property
    def target_number(self) -> str | None:
        """The masked number of the account that the money goes to; None for the bank, or not yet known."""
        return self.account_number if self.transaction_type == "deposit" else self.to_account_number

    def direction(self, mine: Collection[UUID]) -> Direction:
        """How the money moves, seen from the accounts `mine`: in, out, between them, or past them."""
        goes_out, comes_in = self.source_id in mine, self.target_id in mine
        if goes_out and comes_in:
            return "between"
        if goes_out:
            return "out"
        return "in" if comes_in else "past"

    def headline(self, own: Mapping[UUID, Account]) -> str:
        """What it is, as one line: "Transfer to ••••1234". Accounts in `own` are called by their names."""
        kind = self.transaction_type.capitalize()
        source = _label(self.source_id, self.source_number, own)
        target = _label(self.target_id, self.target_number, own)
        if self.transaction_type == "deposit" or self.direction(own) == "out":
            return f"{kind} to {target}"
        if self.transaction_type == "withdrawal" or self.direction(own) == "in":
            return f"{kind} from {source}"
        return f"{kind} from {source} to {target}"

    def signed_amount(self, mine: Collection[UUID]) -> Decimal:
        """The amount as the accounts `mine` feel it: below zero when it goes out."""
        return -self.amount if self.direction(mine) == "out" else self.amount


def _label(account_id: UUID | None, number: str | None, own: Mapping[UUID, Account]) -> str:
    account = own.get(account_id) if account_id else None
    if account_id == SUSPENSE_ACCOUNT_ID:
        return "the bank's suspense account"
    return account.label if account else number or "the bank"


class Transactions(Seen):
    """A page of transactions, newest first."""

    transactions: list[Transaction]
    pagination: Page


class SuspenseItem(Seen):
    """Money kept for a customer in the bank's suspense account, by the reversal `transaction_id` of `reverses`."""

    transaction_id: UUID
    reverses: UUID
    user_id: UUID
    account_id: UUID
    account_number: str | None = None
    amount: Decimal
    currency: str
    description: str | None = None
    timestamp: datetime
    paid_out_by: UUID | None = None


class Suspense(Seen):
    """A page of money in suspense, newest first."""

    suspense: list[SuspenseItem]
    pagination: Page


class TypeTotal(Seen):
    """How many transactions of a type, and the sum of their amounts."""

    count: int
    total: Decimal


class Day(Seen):
    """What happened on one day."""

    date: date
    count: int
    total: Decimal
    income: Decimal = Decimal()
    expense: Decimal = Decimal()


class Flow(Seen):
    """What came in and what went out in a period; a type's total is the sum of its amounts, in and out alike."""

    count: int
    by_type: dict[str, TypeTotal]
    income: Decimal
    expense: Decimal
    net: Decimal

    @property
    def expense_by_type(self) -> dict[str, Decimal]:
        """How the money went out. Only withdrawals have one direction, so the rest is told from the sum.

        What reversals have given back is subtracted from the rest, or from all when it is more than that.
        """
        withdrawn = self.by_type["withdrawal"].total if "withdrawal" in self.by_type else Decimal()
        less = ", less reversals" if "reversal" in self.by_type else ""
        if self.expense < withdrawn:
            return {f"Withdrawals{less}": self.expense} if self.expense > 0 else {}
        amounts = {"Withdrawals": withdrawn, f"Transfers{less}": self.expense - withdrawn}
        return {name: amount for name, amount in amounts.items() if amount}


class Summary(Flow):
    """Completed transactions of a period, summed up."""

    by_day: list[Day]
    average: Decimal
    largest: Decimal
