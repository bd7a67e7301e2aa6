"""What the transaction service asks of the ledger, and what it hears back. Amounts are minor units."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from shared.openapi import Answer, Body, Query

Outcome = Literal["posted", "rejected", "void"]
Verdict = Literal["decided", "repeated", "conflicting"]
MAX_POSTINGS = 256
MAX_READ = 1000


class PostingOrder(Body):
    """Move `amount_minor` from one account to another; a side that is not given is the bank's settlement account.

    `user_id` acts and must own the account that the money comes from (for a deposit: goes to), except for a reversal,
    which names the transaction that it `reverses` and may have the suspense account on one side. The same
    `transaction_id`, and the same `idempotency_key` of the same user, must always come with the same content, which is
    told by its `fingerprint`. What a transaction needs beside that is kept as it is given.
    """

    transaction_id: UUID
    """The id of the transaction, which makes a repeated order the same order."""
    transaction_type: Annotated[str, Field(max_length=12)]
    """What it is: deposit, withdrawal, transfer or reversal."""
    user_id: UUID
    """Who acts."""
    amount_minor: Annotated[int, Field(gt=0, le=10**18)]
    """The amount in minor units."""
    from_account_id: UUID | None = None
    """Where the money comes from."""
    to_account_id: UUID | None = None
    """Where the money goes, by id."""
    to_account_number: Annotated[str, Field(max_length=20, examples=["••••7897"])] | None = None
    """Where the money goes, by account number."""
    reverses_id: UUID | None = None
    """The transaction that this one reverses."""
    description: Annotated[str, Field(max_length=200)] | None = None
    """What it is for, in the user's words."""
    fingerprint: Annotated[str, Field(min_length=1, max_length=64)]
    """By which the same content is known again."""
    idempotency_key: Annotated[str, Field(max_length=255)] | None = None
    """The user's key, which makes a repeated order the same order, too."""
    request_id: Annotated[str, Field(max_length=64)] | None = None
    """The id of the request, for the log."""
    requested_at: AwareDatetime
    """When the user asked."""

    @model_validator(mode="after")
    def _needs_an_account(self) -> "PostingOrder":
        if self.from_account_id is None and self.to_account_id is None:
            raise ValueError("needs an account on one side")
        return self


class PostingBatch(Body):
    """Orders that are decided in one database transaction, each alone."""

    postings: Annotated[list[PostingOrder], Field(min_length=1, max_length=MAX_POSTINGS)]
    """The orders."""


class PostingsQuery(Query):
    """Which postings to read: those after a sequence, in order."""

    after: Annotated[int, Field(ge=0)] = 0
    """The sequence of the last posting that is known."""
    limit: Annotated[int, Field(ge=1, le=MAX_READ)] = MAX_READ
    """How many at most."""


@dataclass(frozen=True, slots=True)
class PostingOut:
    """A decision with its order: all that a transaction needs. Account numbers are masked.

    Whose accounts they are is told of both sides when money has moved, or would have by a reversal; else only of the
    side that the user has named as their own.
    """

    sequence: int
    transaction_id: UUID
    """The id of the transaction."""
    outcome: Outcome
    reason: str | None
    decided_at: datetime
    transaction_type: str
    user_id: UUID | None
    amount_minor: int
    from_account_id: UUID | None
    from_user_id: UUID | None
    from_masked_number: str | None
    from_balance_after_minor: int | None
    to_account_id: UUID | None
    to_user_id: UUID | None
    to_masked_number: str | None
    to_balance_after_minor: int | None
    to_account_number: str | None
    reverses_id: UUID | None
    description: str | None
    fingerprint: str
    idempotency_key: str | None
    request_id: str | None
    requested_at: datetime | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What came of an order: `decided` now, `repeated` when its id or key was decided before with the same content.

    It is `conflicting` when the id or the key belongs to a posting of other content, which stands.
    """

    verdict: Verdict
    posting: PostingOut


class DecisionsAnswer(Answer):
    """The decisions, in the order of the request."""

    decisions: list[Decision]
    """The decisions, in the order of the request."""


class PostingsAnswer(Answer):
    """Postings in the order of their sequences, and nothing can come between them any more."""

    postings: list[PostingOut]
    """The postings, in order."""


class DescribedAnswer(Answer):
    """How many postings have got the order that they lacked."""

    described: int
    """How many had lacked their order."""
