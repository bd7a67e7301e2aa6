"""What the transaction service asks of the ledger, and what it hears back. Amounts are minor units."""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, model_validator

from shared.openapi import Answer, Body, Described
from shared.periods import Timestamp

Outcome = Literal["posted", "rejected", "void"]
MAX_POSTINGS = 256


class PostingOrder(Body):
    """Move `amount_minor` from one account to another; a side that is not given is the bank's settlement account.

    `user_id` acts and must own the account that the money comes from (for a deposit: goes to), except for a reversal,
    which names the transaction that it `reverses`. A reversal may also have the suspense account on one side.
    The same `transaction_id` must always come with the same content; the `request_id` is for the log alone.
    """

    transaction_id: UUID
    """The id of the transaction, which makes a repeated order the same order."""
    user_id: UUID
    """Who acts."""
    amount_minor: Annotated[int, Field(gt=0, le=10**18)]
    """The amount in minor units."""
    from_account_id: UUID | None = None
    """Where the money comes from."""
    to_account_id: UUID | None = None
    """Where the money goes, by id."""
    to_account_number: Annotated[str, Field(examples=["••••7897"])] | None = None
    """Where the money goes, by account number."""
    reverses_id: UUID | None = None
    """The transaction that this one reverses."""
    request_id: Annotated[str, Field(max_length=64)] | None = None
    """The id of the request, for the log."""

    @model_validator(mode="after")
    def _needs_an_account(self) -> "PostingOrder":
        if self.from_account_id is None and self.to_account_id is None:
            raise ValueError("needs an account on one side")
        return self

    def digest(self) -> str:
        """SHA-256 over the content, to recognise the same order when it comes again.

        It is kept for ever, so it names its fields: one that is added later must not change it where it is not used.
        """
        content = (
            self.user_id,
            self.amount_minor,
            self.from_account_id,
            self.to_account_id,
            self.to_account_number,
            self.reverses_id,
        )
        return hashlib.sha256("|".join(map(str, content)).encode()).hexdigest()


class PostingBatch(Body):
    """Orders that are decided in one database transaction, each alone."""

    postings: Annotated[list[PostingOrder], Field(min_length=1, max_length=MAX_POSTINGS)]
    """The orders."""


class VoidBatch(Body):
    """Transactions to be given up. The `request_ids` are for the log alone."""

    transaction_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_POSTINGS)]
    """The transactions to give up."""
    request_ids: tuple[Annotated[str, Field(max_length=64)], ...] = ()
    """The ids of their requests, for the log."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One customer account that a posted transaction has touched."""

    account_id: UUID
    user_id: UUID
    account_number: str
    amount_minor: int
    balance_after_minor: int


class Decision(Described):
    """What came of an order: posted with its legs, rejected for a reason, or void. `account_number` is masked."""

    transaction_id: UUID
    """The id of the transaction."""
    outcome: Outcome
    """What was decided."""
    reason: str | None = None
    """Why."""
    booked_at: Timestamp
    """When it was decided."""
    legs: list[Leg] = Field(default_factory=list)
    """The accounts that were touched."""


class DecisionsAnswer(Answer):
    """The decisions, in the order of the request."""

    decisions: list[Decision]
    """The decisions, in the order of the request."""
