"""Bodies, queries and answers of the account service."""

from typing import TYPE_CHECKING, Annotated, Literal, cast
from uuid import UUID

from pydantic import ConfigDict, Field

from shared.core.money import AmountText, Currency
from shared.core.periods import From, Timestamp, Until
from shared.core.texts import Line, masked
from shared.web.cursors import Page, Pagination
from shared.web.validation.openapi import Answer, Body, Described, Query

if TYPE_CHECKING:
    from account_service.account_models import Account, Entry

AccountType = Literal["checking", "savings", "investment", "fixed_deposit"]
AccountStatus = Literal["active", "frozen", "closed"]
AccountNumber = Annotated[str, Field(max_length=20, examples=["1234567897"])]


class NewAccount(Body):
    """The account that somebody wants."""

    account_type: AccountType
    """The kind of account to open."""
    nickname: Annotated[Line, Field(min_length=1, max_length=50)] | None = None
    """What to call the account."""


class StatusChange(Body):
    """Staff freeze an account, or let it go on, and say why."""

    status: Literal["active", "frozen"]
    """The state that the account shall have."""
    reason: Annotated[Line, Field(min_length=1, max_length=200, examples=["The card was reported stolen"])]
    """Why the state changes."""


class LookupQuery(Query):
    """The number on a payment form."""

    account_number: AccountNumber
    """The whole account number, ten digits."""


class AccountsQuery(Page):
    """Filters of the staff's list. `q` is the end of an account number."""

    status: AccountStatus | None = None
    """Only accounts in this state."""
    account_type: AccountType | None = None
    """Only accounts of this kind."""
    q: Annotated[str, Field(pattern=r"^[0-9]{1,10}$")] | None = None
    """Only accounts whose number ends with these digits."""


class HistoryQuery(Page):
    """Which entries: days or instants, both ends included."""

    since: Annotated[From, Field(alias="from")] = None
    """The first day or instant to show."""
    until: Annotated[Until, Field(alias="to")] = None
    """The last day or instant to show."""


class AccountOut(Described):
    """An account as its owner sees it. The whole number is shown only where `whole_number` is asked for."""

    id: UUID
    """The id of the account."""
    user_id: UUID
    """The id of the owner."""
    account_number: Annotated[str, Field(examples=["••••7897"])]
    """The account number, masked for everybody but the owner."""
    account_type: AccountType
    """The kind of account."""
    nickname: Annotated[str, Field(examples=["Holidays"])] | None
    """What the owner calls the account."""
    balance: AmountText
    """The balance."""
    currency: Annotated[str, Field(examples=["USD"])]
    """The currency, by its ISO 4217 code."""
    status: AccountStatus
    """Whether the account can be used."""
    created_at: Timestamp
    """When the account was opened."""

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


class HistoryRow(Described):
    """One entry of an account: signed amount, and the balance after it."""

    amount: AmountText
    """The amount of the entry: negative when money left the account."""
    balance_after: AmountText
    """The balance of the account after the entry."""
    transaction_id: UUID
    """The id of the transaction."""
    timestamp: Timestamp
    """When it was booked."""

    @classmethod
    def of(cls, entry: "Entry", currency: Currency) -> "HistoryRow":
        """The answer for a row."""
        return cls(
            amount=currency.to_text(entry.amount_minor),
            balance_after=currency.to_text(entry.balance_after_minor or 0),
            transaction_id=UUID(entry.transaction_id),
            timestamp=entry.booked_at,
        )


class StatusChangeOut(Described):
    """A change of an account's state, as staff see it."""

    model_config = ConfigDict(from_attributes=True)

    from_status: AccountStatus
    """The state before."""
    to_status: AccountStatus
    """The state after."""
    reason: Annotated[str | None, Field(description="Why, for staff only; null when its owner closed it.")]
    changed_by: Annotated[UUID | None, Field(description="The id of who changed it; null when that was not kept.")]
    changed_at: Annotated[Timestamp | None, Field(description="When; null when that was not kept.")]


class StatusHistoryAnswer(Answer):
    """A page of the changes of an account's state, newest first."""

    status_history: list[StatusChangeOut]
    """The changes, newest first."""
    pagination: Pagination
    """Where the next page begins."""


class Payee(Described):
    """Who would be paid, with just enough shown to notice a mistake."""

    account_number: Annotated[str, Field(examples=["••••7897"])]
    """The account number, masked."""
    owner_name: Annotated[str, Field(examples=["A•• L•••••••"])]
    """The owner's name, masked."""


class AccountAnswer(Answer):
    """One account."""

    account: AccountOut
    """The account."""


class AccountsAnswer(Answer):
    """A page of accounts."""

    accounts: list[AccountOut]
    """The accounts of this page."""
    pagination: Pagination
    """Where the next page begins."""


class HistoryAnswer(Answer):
    """A page of an account's entries, newest first."""

    history: list[HistoryRow]
    """The entries, newest first."""
    pagination: Pagination
    """Where the next page begins."""


class PayeeAnswer(Answer):
    """A payee."""

    account: Payee
    """Who would be paid."""


class TypeTotals(Described):
    """How many accounts of a type, and what they hold together."""

    count: int
    """How many accounts there are."""
    balance: AmountText
    """What they hold together."""


class Statistics(Described):
    """All accounts, counted."""

    total: int
    """How many there are in all."""
    by_type: Annotated[dict[str, TypeTotals], Field(examples=[{"checking": {"count": 3, "balance": "1250.00"}}])]
    """The same for each type."""
    by_status: Annotated[dict[str, int], Field(examples=[{"active": 3}])]
    """How many there are in each state."""
    total_balance: AmountText
    """What all accounts hold together."""


class StatisticsAnswer(Answer):
    """All accounts, counted."""

    statistics: Statistics
    """The counts."""
