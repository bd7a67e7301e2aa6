"""Bodies, queries and answers of the transaction service."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool
from typing_extensions import TypedDict

from shared.cursors import Limit, Page, Pagination
from shared.money import Amount, AmountBound, Currency
from shared.openapi import Answer, Body
from shared.periods import From, Timestamp, TimestampText, Until, to_text
from shared.texts import Line

if TYPE_CHECKING:
    from transaction_service.transaction_models import SuspenseItem, Transaction

TransactionType = Literal["deposit", "withdrawal", "transfer", "reversal"]
TransactionStatus = Literal["pending", "completed", "failed"]
MAX_GATHERED = 256
Description = Annotated[Line, Field(max_length=200)]


class OwnMovement(Body):
    """Money paid into or drawn from an account of the caller's."""

    account_id: UUID
    amount: Amount
    description: Description | None = None


class NewTransfer(Body):
    """Money for another account: one of the bank's, named by its id or by its number."""

    from_account_id: UUID
    to_account_id: UUID | None = None
    to_account_number: Annotated[str, Field(max_length=20)] | None = None
    amount: Amount
    description: Description | None = None


class Reversal(Body):
    """Where the money of a reversal goes; without a body, to the account that it came from."""

    may_be_left_out = True

    to_account_id: UUID | None = None
    to_suspense: StrictBool = False


class PayOut(Body):
    """The account that gets money out of suspense: an active one of the customer whose money it is."""

    to_account_id: UUID


class SuspenseQuery(Page):
    """Whose money in suspense, and whether it was paid out; all of it when neither is said."""

    user_id: UUID | None = None
    paid_out: bool | None = None


class Period(BaseModel):
    """Days or instants, both ends included."""

    model_config = ConfigDict(populate_by_name=True)

    since: Annotated[From, Field(alias="from")] = None
    until: Annotated[Until, Field(alias="to")] = None


class TransactionsQuery(Page, Period):
    """Filters of a list. `q` is looked for in the descriptions."""

    transaction_type: Annotated[TransactionType | None, Field(alias="type")] = None
    status: TransactionStatus | None = None
    account_id: UUID | None = None
    at_least: Annotated[AmountBound | None, Field(alias="min")] = None
    at_most: Annotated[AmountBound | None, Field(alias="max")] = None
    q: Annotated[str, Field(max_length=100)] | None = None


class RecentQuery(BaseModel):
    """How many of the newest transactions."""

    limit: Limit = 5


class SummaryQuery(Period):
    """What to sum up: all of the caller's transactions, or one account's."""

    account_id: UUID | None = None


class TransactionOut(TypedDict):
    """A transaction as one person sees it: somebody else's account is shown by its masked number only.

    It is a dict, made of what is known to be right: the busiest answer there is need not be validated.
    """

    id: UUID
    transaction_type: TransactionType
    amount: str
    currency: str
    status: TransactionStatus
    failure_code: str | None
    account_id: UUID | None
    account_number: str | None
    from_account_id: UUID | None
    from_account_number: str | None
    to_account_id: UUID | None
    to_account_number: str | None
    reverses: UUID | None
    reversed_by: UUID | None
    description: str | None
    timestamp: TimestampText
    balance_after: str | None


def transaction_out(
    transaction: "Transaction",
    currency: Currency,
    *,
    viewer_id: UUID,
    sees_all: bool = False,
    failure_code: str | None = None,
    reversed_by: UUID | None = None,
    account_id: UUID | None = None,
) -> TransactionOut:
    """The answer for a row, as `viewer_id` may see it; `sees_all` shows the ids of all accounts.

    The balance afterwards is that of `account_id` in a list of one account, else that of the viewer's only side.
    """
    owns_source = transaction.from_user_id == viewer_id
    owns_target = transaction.to_user_id == viewer_id
    source = transaction.from_account_id if owns_source or sees_all else None
    target = transaction.to_account_id if owns_target or sees_all else None
    source_number, target_number = transaction.from_masked_number, transaction.to_masked_number
    has_one_side = transaction.transaction_type in ("deposit", "withdrawal")
    if account_id:
        balance_minor = _balance_after(transaction, account_id, transaction.from_account_id, transaction.to_account_id)
    else:
        balance_minor = _balance_after(transaction, viewer_id, transaction.from_user_id, transaction.to_user_id)
    return TransactionOut(
        id=transaction.id,
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
        reverses=transaction.reverses_id,
        reversed_by=reversed_by,
        description=transaction.description,
        timestamp=to_text(transaction.timestamp),
        balance_after=None if balance_minor is None else currency.to_text(balance_minor),
    )


def _balance_after(transaction: "Transaction", wanted: UUID, source: UUID | None, target: UUID | None) -> int | None:
    """The balance after it on the side that is `wanted`, in minor units; None when both sides are or neither is."""
    if (source == wanted) == (target == wanted):
        return None
    return transaction.from_balance_after_minor if source == wanted else transaction.to_balance_after_minor


class TransactionAnswer(Answer):
    """One transaction."""

    transaction: TransactionOut


class TransactionsAnswer(Answer):
    """A page of transactions, newest first."""

    transactions: list[TransactionOut]
    pagination: Pagination


class SuspenseItemOut(BaseModel):
    """Money that is kept for a customer in the bank's suspense account."""

    transaction_id: Annotated[UUID, Field(description="The reversal that put it there.")]
    reverses: Annotated[UUID, Field(description="The transaction that was reversed.")]
    user_id: Annotated[UUID, Field(description="The customer whose money it is.")]
    account_id: Annotated[UUID, Field(description="The account that could not take it back.")]
    account_number: Annotated[str | None, Field(description="The masked number of that account.")]
    amount: str
    currency: str
    description: str | None
    timestamp: Timestamp
    paid_out_by: Annotated[UUID | None, Field(description="The transaction that paid it out, once one has.")]

    @classmethod
    def of(cls, item: "SuspenseItem", currency: Currency) -> "SuspenseItemOut":
        """The answer for a row."""
        return cls(
            transaction_id=item.transaction_id,
            reverses=item.reverses,
            user_id=item.user_id,
            account_id=item.account_id,
            account_number=item.account_number,
            amount=currency.to_text(item.amount_minor),
            currency=currency.code,
            description=item.description,
            timestamp=item.timestamp,
            paid_out_by=item.paid_out_by,
        )


class SuspenseAnswer(Answer):
    """A page of money in suspense, newest first."""

    suspense: list[SuspenseItemOut]
    pagination: Pagination


class RecentAnswer(Answer):
    """The newest transactions."""

    transactions: list[TransactionOut]


class TypeTotal(BaseModel):
    """How many transactions of a type, and the sum of their amounts, in and out alike."""

    count: int
    total: str


class DayTotal(BaseModel):
    """One day's transactions."""

    date: str
    count: int
    total: str
    income: str
    expense: str


class Summary(BaseModel):
    """Completed transactions, summed up."""

    count: int
    by_type: dict[str, TypeTotal]
    by_day: list[DayTotal]
    income: str
    expense: str
    net: str
    average: str
    largest: str


class SummaryAnswer(Answer):
    """Completed transactions, summed up."""

    summary: Summary


class Statistics(BaseModel):
    """The whole bank's completed transactions, counted."""

    count: int
    by_type: dict[str, TypeTotal]
    by_day: list[DayTotal]


class StatisticsAnswer(Answer):
    """The whole bank's completed transactions, counted."""

    statistics: Statistics


class GatheredRequest(Body):
    """A deposit, withdrawal or transfer as somebody sent it: their token, their Idempotency-Key, the body as text."""

    kind: Literal["deposit", "withdraw", "transfer"]
    token: str
    idempotency_key: str | None = None
    request_id: str | None = None
    body: str


class GatheredRequests(Body):
    """Requests that came at the same time."""

    requests: Annotated[list[GatheredRequest], Field(min_length=1, max_length=MAX_GATHERED)]


@dataclass(frozen=True, slots=True)
class GatheredAnswer:
    """What to answer to one of them."""

    status: int
    headers: dict[str, str]
    body: str


class GatheredAnswers(Answer):
    """The answers, in the order of the requests; `null` for a request that has to be sent alone. Nothing came of it."""

    answers: list[GatheredAnswer | None]
