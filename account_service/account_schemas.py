"""Bodies, queries and answers of the account service."""

from typing import TYPE_CHECKING, Annotated, Literal, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.cursors import Page, Pagination
from shared.money import Currency
from shared.openapi import Answer, Body
from shared.periods import From, Timestamp, Until
from shared.texts import Line

if TYPE_CHECKING:
    from account_service.account_models import Account, LedgerEntry

AccountType = Literal["checking", "savings", "investment", "fixed_deposit"]
AccountStatus = Literal["active", "frozen", "closed"]
AccountNumber = Annotated[str, Field(max_length=20, examples=["1234567897"])]


class NewAccount(Body):
    """The account that somebody wants."""

    account_type: AccountType
    nickname: Annotated[Line, Field(min_length=1, max_length=50)] | None = None


class StatusChange(Body):
    """Staff freeze an account, or let it go on, and say why."""

    status: Literal["active", "frozen"]
    reason: Annotated[Line, Field(min_length=1, max_length=200)]


class LookupQuery(BaseModel):
    """The number on a payment form."""

    account_number: AccountNumber


class AccountsQuery(Page):
    """Filters of the staff's list. `q` is the end of an account number."""

    status: AccountStatus | None = None
    account_type: AccountType | None = None
    q: Annotated[str, Field(pattern=r"^[0-9]{1,10}$")] | None = None


class HistoryQuery(Page):
    """Which entries: days or instants, both ends included."""

    model_config = ConfigDict(populate_by_name=True)

    since: Annotated[From, Field(alias="from")] = None
    until: Annotated[Until, Field(alias="to")] = None


def masked(account_number: str) -> str:
    """An account number as others may see it: ••••1234."""
    return f"••••{account_number[-4:]}"


class AccountOut(BaseModel):
    """An account as its owner sees it. The whole number is shown only where `whole_number` is asked for."""

    id: UUID
    user_id: UUID
    account_number: str
    account_type: AccountType
    nickname: str | None
    balance: str
    currency: str
    status: AccountStatus
    created_at: Timestamp

    @classmethod
    def of(cls, account: "Account", currency: Currency, *, whole_number: bool = False) -> "AccountOut":
        """The answer for a row."""
        return cls(
            id=account.id,
            user_id=account.user_id,
            account_number=account.account_number if whole_number else masked(account.account_number),
            account_type=cast(AccountType, account.account_type),
            nickname=account.nickname,
            balance=currency.to_text(account.balance_minor),
            currency=currency.code,
            status=cast(AccountStatus, account.status),
            created_at=account.created_at,
        )


class HistoryRow(BaseModel):
    """One entry of an account: signed amount, and the balance after it."""

    amount: str
    balance_after: str
    transaction_id: UUID
    timestamp: Timestamp

    @classmethod
    def of(cls, entry: "LedgerEntry", currency: Currency) -> "HistoryRow":
        """The answer for a row."""
        return cls(
            amount=currency.to_text(entry.amount_minor),
            balance_after=currency.to_text(entry.balance_after_minor or 0),
            transaction_id=entry.transaction_id,
            timestamp=entry.booked_at,
        )


class StatusChangeOut(BaseModel):
    """A change of an account's state, as staff see it."""

    model_config = ConfigDict(from_attributes=True)

    from_status: AccountStatus
    to_status: AccountStatus
    reason: Annotated[str | None, Field(description="Why, for staff only; null when its owner closed it.")]
    changed_by: Annotated[UUID | None, Field(description="The id of who changed it; null when that was not kept.")]
    changed_at: Annotated[Timestamp | None, Field(description="When; null when that was not kept.")]


class StatusHistoryAnswer(Answer):
    """A page of the changes of an account's state, newest first."""

    status_history: list[StatusChangeOut]
    pagination: Pagination


class Payee(BaseModel):
    """Who would be paid, with just enough shown to notice a mistake."""

    account_number: str
    owner_name: str


class AccountAnswer(Answer):
    """One account."""

    account: AccountOut


class AccountsAnswer(Answer):
    """A page of accounts."""

    accounts: list[AccountOut]
    pagination: Pagination


class HistoryAnswer(Answer):
    """A page of an account's entries, newest first."""

    history: list[HistoryRow]
    pagination: Pagination


class PayeeAnswer(Answer):
    """A payee."""

    account: Payee


class TypeTotals(BaseModel):
    """How many accounts of a type, and what they hold together."""

    count: int
    balance: str


class Statistics(BaseModel):
    """All accounts, counted."""

    total: int
    by_type: dict[str, TypeTotals]
    by_status: dict[str, int]
    total_balance: str


class StatisticsAnswer(Answer):
    """All accounts, counted."""

    statistics: Statistics
