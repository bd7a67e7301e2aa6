"""Bodies, queries and answers of the transaction service."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, cast

from pydantic import ConfigDict, Field, StrictBool, with_config
from typing_extensions import TypedDict

from shared.core.ids import GivenId, IdText, dashed
from shared.core.money import Amount, AmountBound, AmountText, Currency
from shared.core.periods import From, Timestamp, TimestampText, Until, to_text
from shared.core.texts import Line
from shared.web.cursors import Limit, Page, Pagination
from shared.web.validation.openapi import Answer, Body, Described, Query

if TYPE_CHECKING:
    from transaction_service.transaction_models import SuspenseItem, Transaction

TransactionType = Literal["deposit", "withdrawal", "transfer", "reversal"]
TransactionStatus = Literal["pending", "completed", "failed"]
MAX_BATCHED = 256
Description = Annotated[Line, Field(max_length=200)]


class OwnMovement(Body):
    """Money paid into or drawn from an account of the caller's."""

    account_id: GivenId
    """The caller's account."""
    amount: Amount
    """The amount, in the bank's currency."""
    description: Description | None = None
    """What the payer wrote about it, for both sides to read."""


class NewTransfer(Body):
    """Money for another account: one of the bank's, named by its id or by its number."""

    from_account_id: GivenId
    """The caller's account that the money leaves."""
    to_account_id: GivenId | None = None
    """The account that it goes to, by its id; or give its number."""
    to_account_number: Annotated[str, Field(max_length=20, examples=["1234567897"])] | None = None
    """The account that it goes to, by its number; or give its id."""
    amount: Amount
    """The amount, in the bank's currency."""
    description: Description | None = None
    """What the payer wrote about it, for both sides to read."""


class Reversal(Body):
    """Where the money of a reversal goes; without a body, to the account that it came from."""

    may_be_left_out = True

    to_account_id: GivenId | None = None
    """The account of the same customer that gets the money; by default the one that it came from."""
    to_suspense: StrictBool = False
    """Whether the bank keeps the money for the customer, in its suspense account."""


class PayOut(Body):
    """The account that gets money out of suspense: an active one of the customer whose money it is."""

    to_account_id: GivenId
    """The account that gets the money."""


class SuspenseQuery(Page):
    """Whose money in suspense, and whether it was paid out; all of it when neither is said."""

    user_id: GivenId | None = None
    """Only money of this customer."""
    paid_out: bool | None = None
    """Only money that was paid out, or that was not."""


class Period(Query):
    """Days or instants, both ends included."""

    since: Annotated[From, Field(alias="from")] = None
    """The first day or instant."""
    until: Annotated[Until, Field(alias="to")] = None
    """The last day or instant."""


class TransactionFilters(Page, Period):
    """Filters of a list. `q` is looked for in the descriptions."""

    transaction_type: Annotated[TransactionType | None, Field(alias="type")] = None
    """Only transactions of this type."""
    status: TransactionStatus | None = None
    """Only transactions in this state."""
    at_least: Annotated[AmountBound | None, Field(alias="min")] = None
    """Only amounts of at least this."""
    at_most: Annotated[AmountBound | None, Field(alias="max")] = None
    """Only amounts of at most this."""
    q: Annotated[str, Field(max_length=100)] | None = None
    """Only transactions with this in the description."""


class TransactionsQuery(TransactionFilters):
    """The same, of several accounts."""

    account_id: GivenId | None = None
    """Only transactions on this account."""


class RecentQuery(Query):
    """How many of the newest transactions."""

    limit: Limit = 5
    """How many transactions at most."""


class SummaryQuery(Period):
    """What to sum up: all of the caller's transactions, or one account's."""

    account_id: GivenId | None = None
    """Only transactions on this account."""


@with_config(ConfigDict(use_attribute_docstrings=True))
class TransactionOut(TypedDict):
    """A transaction as one person sees it: somebody else's account is shown by its masked number only.

    It is a dict, made of what is known to be right: the busiest answer there is need not be validated.
    """

    id: IdText
    """The id of the transaction."""
    transaction_type: TransactionType
    """What it does."""
    amount: AmountText
    """The amount, in the bank's currency."""
    currency: Annotated[str, Field(examples=["USD"])]
    """The currency, by its ISO 4217 code."""
    status: TransactionStatus
    """Whether the money has moved."""
    failure_code: Annotated[str, Field(examples=["INSUFFICIENT_FUNDS"])] | None
    """Why it failed, as an `error_code`."""
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
    """What the payer wrote about it, for both sides to read."""
    timestamp: TimestampText
    """When it was asked for, or when it was booked."""
    balance_after: AmountText | None
    """The balance afterwards of the caller's own account, where there is exactly one."""


def transaction_out(
    transaction: "Transaction",
    currency: Currency,
    *,
    viewer_id: str,
    sees_all: bool = False,
    failure_code: str | None = None,
    reversed_by: str | None = None,
    account_id: str | None = None,
) -> TransactionOut:
    """The answer for a row, as `viewer_id` may see it; `sees_all` shows the ids of all accounts.

    The balance afterwards is that of `account_id` in a list of one account, else that of the viewer's only side.
    """
    owns_source = transaction.from_user_id == viewer_id
    owns_target = transaction.to_user_id == viewer_id
    source = _shown(transaction.from_account_id) if owns_source or sees_all else None
    target = _shown(transaction.to_account_id) if owns_target or sees_all else None
    source_number, target_number = transaction.from_masked_number, transaction.to_masked_number
    has_one_side = transaction.transaction_type in ("deposit", "withdrawal")
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
        failure_code=failure_code,
        account_id=source or target if has_one_side else None,
        account_number=source_number or target_number if has_one_side else None,
        from_account_id=None if has_one_side else source,
        from_account_number=None if has_one_side else source_number,
        to_account_id=None if has_one_side else target,
        to_account_number=None if has_one_side else target_number,
        reverses=_shown(transaction.reverses_id),
        reversed_by=_shown(reversed_by),
        description=transaction.description,
        timestamp=to_text(transaction.timestamp),
        balance_after=None if balance_minor is None else currency.to_text(balance_minor),
    )


def _shown(hex_id: str | None) -> str | None:
    return dashed(hex_id) if hex_id else None


def _balance_after(transaction: "Transaction", wanted: str, source: str | None, target: str | None) -> int | None:
    """The balance after it on the side that is `wanted`, in minor units; None when both sides are or neither is."""
    if (source == wanted) == (target == wanted):
        return None
    return transaction.from_balance_after_minor if source == wanted else transaction.to_balance_after_minor


class TransactionAnswer(Answer):
    """One transaction."""

    transaction: TransactionOut
    """The transaction."""


class TransactionsAnswer(Answer):
    """A page of transactions, newest first."""

    transactions: list[TransactionOut]
    """The transactions, newest first."""
    pagination: Pagination
    """Where the next page begins."""


class SuspenseItemOut(Described):
    """Money that is kept for a customer in the bank's suspense account."""

    transaction_id: Annotated[IdText, Field(description="The reversal that put it there.")]
    reverses: Annotated[IdText, Field(description="The transaction that was reversed.")]
    user_id: Annotated[IdText, Field(description="The customer whose money it is.")]
    account_id: Annotated[IdText, Field(description="The account that could not take it back.")]
    account_number: Annotated[str | None, Field(description="The masked number of that account.")]
    amount: AmountText
    """The amount, in the bank's currency."""
    currency: Annotated[str, Field(examples=["USD"])]
    """The currency, by its ISO 4217 code."""
    description: Annotated[str, Field(examples=["Rent for January"])] | None
    """What the payer wrote about it."""
    timestamp: Timestamp
    """When it was put there."""
    paid_out_by: Annotated[IdText | None, Field(description="The transaction that paid it out, once one has.")]

    @classmethod
    def of(cls, item: "SuspenseItem", currency: Currency) -> "SuspenseItemOut":
        """The answer for a row."""
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
            paid_out_by=_shown(item.paid_out_by),
        )


class SuspenseAnswer(Answer):
    """A page of money in suspense, newest first."""

    suspense: list[SuspenseItemOut]
    """The money in suspense, newest first."""
    pagination: Pagination
    """Where the next page begins."""


class RecentAnswer(Answer):
    """The newest transactions."""

    transactions: list[TransactionOut]
    """The transactions, newest first."""


class BatchedRequest(Body):
    """A deposit, withdrawal or transfer as somebody sent it: their token, their Idempotency-Key, the body as text."""

    kind: Literal["deposit", "withdraw", "transfer"]
    """What is asked for."""
    token: Annotated[str, Field(examples=["eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiI2ZjFjIn0.c2lnbmF0dXJl"])]
    """The token of who asks."""
    idempotency_key: str | None = None
    """The Idempotency-Key that came with it."""
    request_id: str | None = None
    """The id of the request, for the log."""
    body: str
    """The body, as it came."""


class BatchedRequests(Body):
    """Requests that came at the same time."""

    requests: Annotated[list[BatchedRequest], Field(min_length=1, max_length=MAX_BATCHED)]
    """The requests."""


@dataclass(frozen=True, slots=True)
class BatchedReply:
    """What to answer to one of them."""

    status: int
    headers: dict[str, str]
    body: str


class BatchedReplies(Answer):
    """The answers, in the order of the requests, each as its request would have got it alone."""

    answers: list[BatchedReply]
    """The answers, in the order of the requests."""
