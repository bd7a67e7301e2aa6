"""What the transaction service asks of the ledger, and what it hears back.

Amounts are minor units. Ids are 32 hexadecimal digits. Orders and results are dicts: they are made, read and written by
the hundred, and an object for each would cost as much as deciding it.
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

    `user_id` acts and must own the account that the money comes from (for a deposit: goes to), except for a reversal,
    which names the transaction that it `reverses` and may have the suspense account on one side. The same
    `transaction_id`, and the same `idempotency_key` of the same user, must always come with the same content, which the
    `fingerprint` identifies. What a transaction needs beside that is kept as it is given.
    """

    transaction_id: HexId
    """The id of the transaction, which makes a repeated order the same order."""
    transaction_type: Annotated[str, Field(max_length=12)]
    """What it is: deposit, withdrawal, transfer or reversal."""
    user_id: HexId
    """Who acts."""
    amount_minor: Annotated[int, Field(gt=0, le=10**18)]
    """The amount in minor units."""
    from_account_id: HexId | None
    """Where the money comes from."""
    to_account_id: HexId | None
    """Where the money goes, by id."""
    to_account_number: Annotated[str, Field(max_length=20, examples=["••••7897"])] | None
    """Where the money goes, by account number."""
    reverses_id: HexId | None
    """The transaction that this one reverses."""
    description: Annotated[str, Field(max_length=200)] | None
    """What it is for, in the user's words."""
    fingerprint: Annotated[str, Field(min_length=1, max_length=64)]
    """A digest of the content."""
    idempotency_key: Annotated[str, Field(max_length=255)] | None
    """The user's key, which makes a repeated order the same order, too."""
    request_id: Annotated[str, Field(max_length=64)] | None
    """The id of the request, for the log."""
    requested_at: AwareDatetime
    """When the user asked."""


def _require_an_account(order: Order) -> Order:
    if order["from_account_id"] is None and order["to_account_id"] is None:
        raise ValueError("needs an account on one side")
    return order


class OrderBatch(Body):
    """Orders that are decided in one database transaction, each alone."""

    postings: Annotated[
        list[Annotated[Order, AfterValidator(_require_an_account)]], Field(min_length=1, max_length=MAX_POSTINGS)
    ]
    """The orders."""


class PostingsQuery(Query):
    """Which postings to read: those after a sequence, in order."""

    after: Annotated[int, Field(ge=0)] = 0
    """The sequence of the last posting that is known."""
    limit: Annotated[int, Field(ge=1, le=MAX_READ)] = MAX_READ
    """How many at most."""


@with_config(ConfigDict(use_attribute_docstrings=True))
class KeptOrder(TypedDict):
    """An order as its posting keeps it. One from before postings kept orders may lack its user and its time."""

    transaction_id: HexId
    """The id of the transaction."""
    transaction_type: str
    user_id: HexId | None
    amount_minor: int
    from_account_id: HexId | None
    to_account_id: HexId | None
    to_account_number: str | None
    reverses_id: HexId | None
    description: str | None
    fingerprint: str
    idempotency_key: str | None
    request_id: str | None
    requested_at: datetime | None


@with_config(ConfigDict(use_attribute_docstrings=True))
class Result(TypedDict):
    """What the ledger has decided on an order. Account numbers are masked.

    Both owners are named when money has moved, or would have by a reversal; otherwise only the owner of the side that
    the user has named as their own.
    """

    sequence: int
    """The place of the posting in the order of all postings."""
    outcome: Outcome
    """Whether the money has moved: posted, rejected (for `reason`), or void (given up before it was decided)."""
    reason: str | None
    decided_at: datetime
    to_account_id: HexId | None
    """Where the money goes, by id, also when the order names it by its number."""
    from_user_id: HexId | None
    from_masked_number: str | None
    from_balance_after_minor: int | None
    to_user_id: HexId | None
    to_masked_number: str | None
    to_balance_after_minor: int | None


class Decision(TypedDict):
    """What came of an order: `decided` now, `repeated` when its id or key was decided before with the same content.

    It is `conflicting` when the id or the key belongs to a posting of other content, which stands. What was not decided
    now comes with the order that was decided then.
    """

    verdict: Verdict
    result: Result
    order: KeptOrder | None


class Posting(TypedDict):
    """An order and what was decided on it: all that a transaction needs."""

    result: Result
    order: KeptOrder


class DecisionsAnswer(Answer):
    """The decisions, in the order of the request."""

    decisions: list[Decision]
    """The decisions, in the order of the request."""


class PostingsAnswer(Answer):
    """Postings in the order of their sequences, and nothing can come between them any more."""

    postings: list[Posting]
    """The postings, in order."""


class DescribedAnswer(Answer):
    """How many postings have got the order that they lacked."""

    described: int
    """How many had lacked their order."""
