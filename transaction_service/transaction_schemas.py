"""Request bodies, queries and responses of the transaction service."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, NotRequired, cast

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, with_config
from typing_extensions import TypedDict

from shared.core.errors import AppError
from shared.core.ids import GivenId, IdText, dashed
from shared.core.money import Amount, AmountText, Currency
from shared.core.periods import Timestamp, TimestampText, to_text
from shared.core.texts import NOT_BLANK, Line
from shared.web.access import Caller
from shared.web.cursors import Limit, Page
from shared.web.validation.openapi import Answer, Body, Described, Query
from shared.web.validation.ranges import AmountRange, ComparedRange, TimeRange

if TYPE_CHECKING:
    from transaction_service.transaction_models import SuspenseItem, Transaction

TransactionType = Literal["deposit", "withdrawal", "transfer", "reversal"]
TransactionStatus = Literal["pending", "completed", "failed"]
Category = Literal[
    "housing",
    "utilities",
    "groceries",
    "transport",
    "shopping",
    "health",
    "leisure",
    "travel",
    "education",
    "income",
    "savings",
    "other",
]
UNCATEGORISED = "uncategorised"
MAX_BATCHED = 256
MAX_SELECTED = 20
MAX_DESCRIPTION = 200
Description = Annotated[Line, Field(max_length=MAX_DESCRIPTION)]


class OwnMovement(Body):
    """A deposit into, or a withdrawal from, an account of the caller."""

    account_id: GivenId
    """The caller's account."""
    amount: Amount
    """The amount, in the bank's currency."""
    description: Description | None = None
    """The payer's description, which both sides can read."""


class NewTransfer(Body):
    """A transfer to another account of this bank, which is named by its id or by its number."""

    from_account_id: GivenId
    """The caller's account that the money leaves."""
    to_account_id: GivenId | None = None
    """The account that the money reaches, by its id. Give either this or the number."""
    to_account_number: Annotated[str, Field(max_length=20, examples=["1234567897"])] | None = None
    """The account that the money reaches, by its number. Give either this or the id."""
    amount: Amount
    """The amount, in the bank's currency."""
    description: Description | None = None
    """The payer's description, which both sides can read."""


class Reversal(Body):
    """Why a transaction is reversed, and the account that gets the money. All of it may be left out."""

    may_be_left_out = True

    to_account_id: GivenId | None = None
    """Another account of the same customer that gets the money. The default is the one that it came from."""
    to_suspense: StrictBool = False
    """Whether the bank's suspense account gets the money and holds it for the customer."""
    reason: Annotated[Line, Field(min_length=1, max_length=100, examples=["Paid twice"]), NOT_BLANK] | None = None
    """Why; the customers on both sides see it in the description of the reversal."""


class NewCategory(Body):
    """The caller's category of a transaction."""

    category: Category | None
    """The category; null removes it."""


class PayOut(Body):
    """The account that gets the money in suspense. It must be an active account of the same customer."""

    to_account_id: GivenId
    """The account that gets the money."""


class SuspenseQuery(Page):
    """Filters of the items in suspense. Without filters the list has all items."""

    user_id: GivenId | None = None
    """Only items of this customer."""
    paid_out: bool | None = None
    """Only items that were paid out (true) or were not (false)."""


class Choice(TimeRange, AmountRange):
    """A choice of transactions. `q` is searched for in descriptions, without regard to case."""

    transaction_type: Annotated[TransactionType | None, Field(alias="type")] = None
    """Only transactions of this type."""
    status: TransactionStatus | None = None
    """Only transactions with this status."""
    q: Annotated[str, Field(max_length=100)] | None = None
    """Only transactions whose description contains this text, without regard to case."""


class TransactionFilters(Page, Choice):
    """Filters of a list."""


class TransactionCount(Described):
    """How many transactions match."""

    transactions: int
    """The number of transactions that match, at most 1000."""


class Categorised(Query):
    """A filter by the caller's categories."""

    category: Literal[Category, "uncategorised"] | None = None
    """Only transactions of this category of the caller's, or those without one."""


class AccountTransactionsQuery(TransactionFilters, Categorised):
    """Filters of a list of transactions on one account."""


class TransactionsQuery(TransactionFilters):
    """Filters of a list of transactions on several accounts."""

    account_id: GivenId | None = None
    """Only transactions on this account."""


class AllTransactionsQuery(TransactionsQuery):
    """Filters of the list of all transactions of the bank."""

    party: Annotated[Line, Field(min_length=1, max_length=100, examples=["clara"])] | None = None
    """Filter by a side: words that the holder's name, username, e-mail address or phone number contains, all of them,
    or four to ten digits, of which the last four are compared with the account number."""


class OwnTransactionsQuery(TransactionsQuery, Categorised):
    """Filters of a list of the caller's transactions."""


class RecentQuery(Query):
    """The number of the newest transactions to return."""

    limit: Limit = 5
    """The largest number of transactions to return."""


class SummaryQuery(TimeRange):
    """The transactions to sum up: those on all accounts of the caller, or on one account."""

    account_id: GivenId | None = None
    """Only transactions on this account."""


def _split(text: object) -> object:
    """Split a text at its commas."""
    return tuple(text.split(",")) if isinstance(text, str) else text


class StatisticsQuery(SummaryQuery, ComparedRange):
    """The transactions of a summary or of a selection, and a range before them to compare with."""

    account_ids: Annotated[tuple[GivenId, ...], BeforeValidator(_split), Field(max_length=MAX_SELECTED)] = ()
    """Only transactions on these of the caller's accounts: ids, separated by commas. Not beside `account_id`."""
    types: Annotated[tuple[TransactionType, ...], BeforeValidator(_split), Field(max_length=4)] = ()
    """Only transactions of these types, separated by commas. Then there are no balances. Not beside `account_id`."""


@with_config(ConfigDict(use_attribute_docstrings=True))
class TransactionOut(TypedDict):
    """A transaction as the caller may see it. Accounts of others are shown only by their masked numbers.

    It is a dict, since validating the response of every payment would cost time and its values are known to be valid.
    """

    id: IdText
    """The id of the transaction."""
    transaction_type: TransactionType
    """The type of the transaction."""
    amount: AmountText
    """The amount, in the bank's currency."""
    currency: Annotated[str, Field(examples=["USD"])]
    """The currency, by its ISO 4217 code."""
    status: TransactionStatus
    """Whether the money has moved; `pending` while that is not known."""
    failure_code: Annotated[str, Field(examples=["INSUFFICIENT_FUNDS"])] | None
    """The `error_code` of a failed transaction."""
    account_id: IdText | None
    """The account of a deposit or a withdrawal."""
    account_number: Annotated[str, Field(examples=["••••7897"])] | None
    """The masked number of that account."""
    from_account_id: IdText | None
    """The account that a transfer leaves, when it is the caller's."""
    from_account_number: Annotated[str, Field(examples=["••••7897"])] | None
    """The masked number of that account."""
    to_account_id: IdText | None
    """The account that a transfer reaches, when it is the caller's."""
    to_account_number: Annotated[str, Field(examples=["••••7897"])] | None
    """The masked number of that account."""
    reverses: IdText | None
    """The transaction that this one reverses."""
    reversed_by: IdText | None
    """The transaction that has reversed this one."""
    description: Annotated[str, Field(examples=["Rent for January"])] | None
    """The payer's description, which both sides can read."""
    timestamp: TimestampText
    """When it was booked; when it was requested, if it is not completed."""
    balance_after: AmountText | None
    """The balance after the transaction of the caller's account, if the caller owns exactly one side."""
    from_name: NotRequired[Annotated[str, Field(examples=["Ben O."])] | None]
    """The name of the holder of the account that the money leaves, masked except for staff who may read customers. Null
    for an account of the caller's or the bank's, or while names are not available. Left out in the response to a
    payment."""
    to_name: NotRequired[Annotated[str, Field(examples=["Ben O."])] | None]
    """The name of the holder of the account that the money reaches, in the same way."""
    category: NotRequired[Category | None]
    """The caller's category, or that of the transaction that this one reverses. Left out in answers to payments."""


def transaction_out(
    transaction: "Transaction",
    viewer: Caller,
    currency: Currency,
    *,
    failure: AppError | None = None,
    reversed_by: str | None = None,
    account_id: str | None = None,
) -> TransactionOut:
    """Return a transaction as the viewer may see it: the ids of own accounts, and of all with `sees_others`.

    `failure` is the error of a failed one. `balance_after` is that of `account_id` in the list of one account, else
    that of the only side that the viewer owns.
    """
    viewer_id = viewer.user_id.hex
    sees_source = viewer.sees_others or transaction.from_user_id == viewer_id
    sees_target = viewer.sees_others or transaction.to_user_id == viewer_id
    source = _to_dashed(transaction.from_account_id) if sees_source else None
    target = _to_dashed(transaction.to_account_id) if sees_target else None
    source_number, target_number = transaction.from_masked_number, transaction.to_masked_number
    is_deposit = transaction.transaction_type == "deposit"
    has_one_side = is_deposit or transaction.transaction_type == "withdrawal"
    if account_id:
        balance_minor = _balance_after(transaction, account_id, transaction.from_account_id, transaction.to_account_id)
    else:
        balance_minor = _balance_after(transaction, viewer_id, transaction.from_user_id, transaction.to_user_id)
    return TransactionOut(
        id=dashed(transaction.id),
        transaction_type=cast(TransactionType, transaction.transaction_type),
        amount=currency.to_text(transaction.amount_minor),
        currency=currency.code,
        status=cast(TransactionStatus, transaction.status),
        failure_code=failure.code if failure else None,
        account_id=(target if is_deposit else source) if has_one_side else None,
        account_number=(target_number if is_deposit else source_number) if has_one_side else None,
        from_account_id=None if has_one_side else source,
        from_account_number=None if has_one_side else source_number,
        to_account_id=None if has_one_side else target,
        to_account_number=None if has_one_side else target_number,
        reverses=_to_dashed(transaction.reverses_id),
        reversed_by=_to_dashed(reversed_by),
        description=transaction.description,
        timestamp=to_text(transaction.timestamp),
        balance_after=None if balance_minor is None else currency.to_text(balance_minor),
    )


def _to_dashed(hex_id: str | None) -> str | None:
    return dashed(hex_id) if hex_id else None


def _balance_after(transaction: "Transaction", wanted: str, source: str | None, target: str | None) -> int | None:
    """Return the balance in minor units of the only side that equals `wanted`; None if both sides do, or none."""
    if (source == wanted) == (target == wanted):
        return None
    return transaction.from_balance_after_minor if source == wanted else transaction.to_balance_after_minor


class OwnAnswer(Answer):
    """The id of a transaction of the caller."""

    transaction_id: IdText
    """The id. It differs from the one in the request if that was returned while the transaction was pending."""


class CategoryAnswer(Answer):
    """The category of a transaction."""

    category: Category | None
    """The caller's category; null if there is none."""


class Owners(Described):
    """The owners of both sides of a transaction, for receipts."""

    from_user_id: IdText | None
    """The owner of the account that the money leaves; null for the bank's."""
    to_user_id: IdText | None
    """The owner of the account that the money reaches; null for the bank's."""


class OwnersAnswer(Answer):
    """The owners of both sides of a transaction."""

    owners: Owners
    """The owners."""


class SuspenseItemOut(Described):
    """Money that the bank's suspense account holds for a customer."""

    transaction_id: Annotated[IdText, Field(description="The reversal that put the money into suspense.")]
    reverses: Annotated[IdText, Field(description="The transaction that was reversed.")]
    user_id: Annotated[IdText, Field(description="The customer who owns the money.")]
    account_id: Annotated[IdText, Field(description="The account that the money could not return to.")]
    account_number: Annotated[str | None, Field(description="The masked number of that account.")]
    amount: AmountText
    """The amount, in the bank's currency."""
    currency: Annotated[str, Field(examples=["USD"])]
    """The currency, by its ISO 4217 code."""
    description: Annotated[str, Field(examples=["Rent for January"])] | None
    """The payer's description."""
    timestamp: Timestamp
    """When the money was put into suspense."""
    paid_out_by: Annotated[
        IdText | None, Field(description="The transaction that paid the money out; null before that.")
    ]

    @classmethod
    def of(cls, item: "SuspenseItem", currency: Currency) -> "SuspenseItemOut":
        """Return the response for a row."""
        return cls(
            transaction_id=dashed(item.transaction_id),
            reverses=dashed(item.reverses),
            user_id=dashed(item.user_id),
            account_id=dashed(item.account_id),
            account_number=item.account_number,
            amount=currency.to_text(item.amount_minor),
            currency=currency.code,
            description=item.description,
            timestamp=item.timestamp,
            paid_out_by=_to_dashed(item.paid_out_by),
        )


class BatchedRequest(Body):
    """A payment request as a client sent it: its token, its Idempotency-Key, its body as text."""

    kind: Literal["deposit", "withdraw", "transfer"]
    """The endpoint that the request was sent to."""
    token: Annotated[str, Field(examples=["eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiI2ZjFjIn0.c2lnbmF0dXJl"])]
    """The bearer token of the request."""
    idempotency_key: str | None = None
    """The Idempotency-Key header of the request."""
    request_id: str | None = None
    """The id of the request, for the logs."""
    body: str
    """The unchanged body of the request."""


class BatchedRequests(Body):
    """A batch of payment requests, which may belong to different users."""

    requests: Annotated[list[BatchedRequest], Field(min_length=1, max_length=MAX_BATCHED)]
    """The requests."""


@dataclass(frozen=True, slots=True)
class BatchedReply:
    """The response to one request of a batch."""

    status: int
    headers: dict[str, str]
    body: str
