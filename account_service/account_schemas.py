"""Request bodies, queries and responses of the account service."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, cast
from uuid import UUID

from pydantic import ConfigDict, Field, StrictBool
from pydantic.json_schema import SkipJsonSchema

from shared.core.money import AmountText, Currency
from shared.core.periods import Timestamp
from shared.core.texts import NOT_BLANK, TRIMMED, Line, masked, masked_name
from shared.web.approvals.schemas import ApprovalFields
from shared.web.cursors import LongLimit, Page
from shared.web.validation.openapi import Answer, Body, Described, Query
from shared.web.validation.ranges import ComparedRange, TimeRange

if TYPE_CHECKING:
    from account_service.account_models import Account, Entry

NameMatch = Literal["match", "close_match", "no_match"]
AccountType = Literal["checking", "savings", "investment", "fixed_deposit"]
AccountStatus = Literal["active", "frozen", "closed"]
AccountNumber = Annotated[str, Field(max_length=20, examples=["1234567897"])]


class NewAccount(Body):
    """The account to open."""

    account_type: AccountType
    """The type of account to open."""
    nickname: Annotated[Line, Field(min_length=1, max_length=50), NOT_BLANK] | None = None
    """The owner's own name for the account."""


class StatusChange(Body):
    """The new status of an account, and the reason for the change."""

    status: Literal["active", "frozen"]
    """The new status."""
    reason: Annotated[Line, Field(min_length=1, max_length=200, examples=["The card was reported stolen"]), NOT_BLANK]
    """The reason for the change."""
    show_reason: StrictBool = True
    """Whether the owner of the account sees the reason."""


class Closing(Body):
    """The closing of a customer's account by staff. Its owner does not see the reason."""

    status: ClassVar = "closed"
    show_reason: ClassVar = False

    reason: Annotated[
        Line,
        Field(min_length=1, max_length=200, examples=["The customer asked for it at the branch"]),
        TRIMMED,
    ]
    """Why the account is closed."""


class LookupQuery(Query):
    """The account number to look up."""

    account_number: AccountNumber
    """The complete account number, ten digits."""
    name: Annotated[Line, Field(min_length=1, max_length=100, examples=["Ada Lovelace"])] | None = None
    """The name that the payer expects; with it the answer says how well it fits."""


class HistoryQuery(Page, TimeRange):
    """The range of entries."""


class EntriesQuery(HistoryQuery):
    """The range of entries, in longer pages."""

    limit: LongLimit = 200
    """The largest number of entries to return."""


class AccountOut(Described):
    """An account. Its number is masked except for the owner, where `whole_number` is set."""

    id: UUID
    """The id of the account."""
    user_id: UUID
    """The id of the owner."""
    account_number: Annotated[str, Field(examples=["••••7897"])]
    """The account number; masked unless its owner reads the details."""
    account_type: AccountType
    """The account type."""
    nickname: Annotated[str, Field(examples=["Holidays"])] | None
    """The owner's own name for the account."""
    balance: AmountText
    """The present balance."""
    currency: Annotated[str, Field(examples=["USD"])]
    """The currency, by its ISO 4217 code."""
    status: AccountStatus
    """The status: only an active account can pay and be paid."""
    created_at: Timestamp
    """When the account was opened."""

    @classmethod
    def of(cls, account: "Account", currency: Currency, *, whole_number: bool = False) -> "AccountOut":
        """Return the response for a row."""
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


class AccountApprovalOut(ApprovalFields):
    """A request to change the status of an account, which waits for a second person."""

    action: Literal["unfreeze", "close"]
    """What is to be done."""
    account: AccountOut | SkipJsonSchema[None] = None
    """The account that it would change."""


class HistoryRow(Described):
    """One entry of an account: the signed amount and the balance after it."""

    amount: AmountText
    """The amount of the entry: negative when money left the account."""
    balance_after: AmountText
    """The balance of the account after the entry."""
    transaction_id: UUID
    """The id of the transaction."""
    timestamp: Timestamp
    """When the entry was booked."""

    @classmethod
    def of(cls, entry: "Entry", currency: Currency) -> "HistoryRow":
        """Return the response for a row."""
        return cls(
            amount=currency.to_text(entry.amount_minor),
            balance_after=currency.to_text(entry.balance_after_minor or 0),
            transaction_id=UUID(entry.transaction_id),
            timestamp=entry.booked_at,
        )


class EntryOut(Described):
    """One entry of an account with all that a statement says of it."""

    transaction_id: UUID
    """The id of the transaction."""
    transaction_type: Annotated[str, Field(examples=["transfer"])]
    """The type of the transaction."""
    amount: AmountText
    """The amount of the entry: negative when money left the account."""
    balance_after: AmountText
    """The balance of the account after the entry."""
    description: Annotated[str, Field(examples=["Rent for January"])] | None
    """The payer's description."""
    other_account_number: Annotated[str, Field(examples=["••••7897"])] | None
    """The masked number of the account on the other side; null when that is the bank."""
    other_name: Annotated[str, Field(examples=["Ada L."])] | None
    """The name of its holder, if that is somebody else: masked for customers, whole for staff."""
    timestamp: Timestamp
    """When the entry was booked."""

    @classmethod
    def of(cls, entry: "Entry", currency: Currency, other_number: str | None, other_name: str | None) -> "EntryOut":
        """Return the response for a row."""
        return cls(
            transaction_id=UUID(entry.transaction_id),
            transaction_type=entry.transaction_type,
            amount=currency.to_text(entry.amount_minor),
            balance_after=currency.to_text(entry.balance_after_minor or 0),
            description=entry.description,
            other_account_number=masked(other_number) if other_number else None,
            other_name=other_name,
            timestamp=entry.booked_at,
        )


class StatusChangeOut(Described):
    """A change of an account's status, for staff."""

    model_config = ConfigDict(from_attributes=True)

    account_id: UUID
    """The id of the account."""
    from_status: AccountStatus
    """The status before the change."""
    to_status: AccountStatus
    """The status after the change."""
    reason: Annotated[str | None, Field(description="The reason; null when the owner closed the account.")]
    reason_is_shown: bool
    """Whether the owner of the account sees the reason."""
    changed_by: Annotated[
        UUID | None, Field(description="The id of the user who made the change; null when it was not recorded.")
    ]
    changed_at: Annotated[Timestamp | None, Field(description="The time of the change; null when it was not recorded.")]


class FreezeOut(Described):
    """The freeze of an account, as its owner sees it."""

    reason: Annotated[str | None, Field(description="The reason; null when staff have not shown it.")]
    frozen_by: Annotated[str | None, Field(description="The name of who froze it; null when it is not known.")]
    frozen_at: Annotated[Timestamp | None, Field(description="The time of the freeze; null when it was not recorded.")]


class FreezeAnswer(Answer):
    """The freeze of an account."""

    freeze: FreezeOut | None
    """The freeze; null while the account is not frozen."""


class Payee(Described):
    """The owner of an account number, masked: enough to recognise a payee before paying."""

    account_number: Annotated[str, Field(examples=["••••7897"])]
    """The account number, masked."""
    owner_name: Annotated[str, Field(examples=["Ada L."])]
    """The owner's name, masked."""

    @classmethod
    def of(cls, account: "Account", owner_name: str) -> "Payee":
        """Return the payee of an account."""
        return cls(account_number=masked(account.account_number), owner_name=masked_name(owner_name))


class CheckedPayee(Described):
    """The outcome of comparing a given name with the owner's (confirmation of payee)."""

    account_number: Annotated[str, Field(examples=["••••7897"])]
    """The account number, masked."""
    owner_name: Annotated[str, Field(examples=["Ada L."])] | None
    """The owner's name, masked; null when the given name does not match."""
    name_match: NameMatch
    """How well the given name fits the owner's."""

    @classmethod
    def of(cls, account: "Account", owner_name: str, name_match: NameMatch) -> "CheckedPayee":
        """Return the outcome for an account."""
        shown = None if name_match == "no_match" else masked_name(owner_name)
        return cls(account_number=masked(account.account_number), owner_name=shown, name_match=name_match)


class PayeeAnswer(Answer):
    """The payee of an account number."""

    account: Payee | CheckedPayee
    """The payee; with `name_match` when a name was given."""


class TypeTotals(Described):
    """The number of accounts of a type and the sum of their balances."""

    count: int
    """The number of accounts."""
    balance: AmountText
    """The sum of their balances."""


class StatisticsQuery(ComparedRange):
    """A range of time in which accounts were opened, and a range before it to compare with."""


class Statistics(Described):
    """The numbers of accounts and the sums of their balances."""

    total: int
    """The number of all accounts."""
    by_type: Annotated[dict[str, TypeTotals], Field(examples=[{"checking": {"count": 3, "balance": "1250.00"}}])]
    """Number and sum of balances by account type."""
    by_status: Annotated[dict[str, int], Field(examples=[{"active": 3}])]
    """The number of accounts by status."""
    by_type_and_status: Annotated[
        dict[str, dict[str, TypeTotals]],
        Field(examples=[{"checking": {"active": {"count": 3, "balance": "1250.00"}}}]),
    ]
    """Number and sum of balances by account type and status together."""
    total_balance: AmountText
    """The sum of all balances."""
    created: int
    """The number of accounts that were opened in the range of the query."""
    created_before: int | None
    """The number of accounts that were opened in the range before; null if none was named."""
