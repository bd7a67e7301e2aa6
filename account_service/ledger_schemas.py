"""Requests and responses of the ledger endpoints, which only other services call.

Amounts are integers of minor units. Ids are 32 hexadecimal digits. Orders and results are dicts: a batch has hundreds
of them, and making an object for each would cost as much as deciding it.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from shared.core.ids import HexId
from shared.web.validation.openapi import Answer, Body, Query

Outcome = Literal["posted", "rejected", "void"]
Verdict = Literal["decided", "repeated", "conflicting"]
MAX_POSTINGS = 256
MAX_READ = 1000


@with_config(ConfigDict(extra="forbid", use_attribute_docstrings=True))
class Order(TypedDict):
    """Move `amount_minor` from one account to another; a side that is null is the bank's settlement account.

    `user_id` must own the account that the money leaves (for a deposit: reaches). A reversal is exempt: it names the
    transaction that it reverses in `reverses_id`, and may have the suspense account or a till on one side. So is a
    booking at the counter, where `user_id` is the employee, who must not own the account: it names the employee's open
    till by OPEN_TILL_ID, as the source of a deposit or as the target of a withdrawal. A repeated
    `transaction_id`, or a repeated `idempotency_key` of the same user, must have the same content, which `fingerprint`
    identifies. All other fields are stored unchanged.
    """

    transaction_id: HexId
    """The id of the transaction, which identifies a repeated order."""
    transaction_type: Annotated[str, Field(max_length=12)]
    """The type: deposit, withdrawal, transfer or reversal; in a posting also till."""
    user_id: HexId
    """The id of the user who makes the payment, of the employee at the counter, or of the admin who reverses one."""
    amount_minor: Annotated[int, Field(gt=0, le=10**18)]
    """The amount in minor units."""
    from_account_id: HexId | None
    """The account that the money leaves."""
    to_account_id: HexId | None
    """The account that the money reaches, by its id."""
    to_account_number: Annotated[str, Field(max_length=20, examples=["••••7897"])] | None
    """The account that the money reaches, by its number."""
    reverses_id: HexId | None
    """The transaction that this one reverses."""
    description: Annotated[str, Field(max_length=200)] | None
    """The user's description of the payment."""
    fingerprint: Annotated[str, Field(min_length=1, max_length=64)]
    """A SHA-256 digest of the content, in hexadecimal digits."""
    idempotency_key: Annotated[str, Field(max_length=255)] | None
    """The user's idempotency key, which identifies a repeated order as well."""
    request_id: Annotated[str, Field(max_length=64)] | None
    """The id of the request, for the logs."""
    requested_at: AwareDatetime
    """When the user sent the request."""


ORDER_FIELDS = tuple(Order.__annotations__)
"""The names of the fields of an order. A posting has a column for each."""


def _require_an_account(order: Order) -> Order:
    if order["from_account_id"] is None and order["to_account_id"] is None:
        raise ValueError("needs an account on one side")
    return order


class OrderBatch(Body):
    """Orders that are decided independently of each other, in one database transaction."""

    postings: Annotated[
        list[Annotated[Order, AfterValidator(_require_an_account)]], Field(min_length=1, max_length=MAX_POSTINGS)
    ]
    """The orders."""


class PostingsQuery(Query):
    """The range of postings to read: those after a sequence."""

    after: Annotated[int, Field(ge=0)] = 0
    """The sequence of the last posting that the caller has read."""
    limit: Annotated[int, Field(ge=1, le=MAX_READ)] = MAX_READ
    """The largest number of postings to return."""


@with_config(ConfigDict(use_attribute_docstrings=True))
class KeptOrder(Order):
    """The order that is stored in a posting.

    In a posting older than the order columns user and time are null, and the limits of an order do not hold.
    """

    user_id: HexId | None  # type: ignore[misc]  # a TypedDict can't widen a field, and repeating all others says less
    requested_at: datetime | None  # type: ignore[misc]  # as above


@with_config(ConfigDict(use_attribute_docstrings=True))
class Result(TypedDict):
    """The decision of the ledger on an order. Account numbers are masked.

    It names the owners of both sides if money has moved, or if the order is a reversal; otherwise only the user, on the
    side of their own account.
    """

    sequence: int
    """The position of the posting among all postings."""
    outcome: Outcome
    """Whether the money has moved: posted, rejected (for `reason`), or void (given up before it was decided)."""
    reason: str | None
    decided_at: datetime
    to_account_id: HexId | None
    """The account that the money reaches, by its id; set also if the order gives its number."""
    from_user_id: HexId | None
    from_masked_number: str | None
    from_balance_after_minor: int | None
    to_user_id: HexId | None
    to_masked_number: str | None
    to_balance_after_minor: int | None


class Decision(TypedDict):
    """The decision on an order of a batch.

    The verdict is `decided` if the posting is new, `repeated` if the order's id or key had a posting with the same
    content, `conflicting` if that posting has other content. Only a new posting whose sides are those of the order
    comes without its order.
    """

    verdict: Verdict
    result: Result
    order: KeptOrder | None


class Posting(TypedDict):
    """An order and its decision: all data of a transaction."""

    result: Result
    order: KeptOrder


class DescribedAnswer(Answer):
    """The reply to orders of postings that lacked theirs."""

    described: int
    """The number of postings whose order was added."""
