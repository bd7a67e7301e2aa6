"""Request bodies, queries and responses for requests that wait for a second person."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from shared.core.ids import GivenId
from shared.core.periods import Timestamp
from shared.web.approvals.schemas import ApprovalStatus
from shared.web.cursors import Page, PageAnswer
from shared.web.validation.openapi import Answer, Described
from transaction_service.transaction_schemas import TransactionOut

ApprovalAction = Literal["reverse", "pay_out", "withdraw"]


class ApprovalsQuery(Page):
    """Filters of the list of requests."""

    status: ApprovalStatus | None = None
    """Only requests with this status."""
    transaction_id: GivenId | None = None
    """Only requests about this transaction."""
    asked_by: UUID | None = None
    """Only requests of this person."""


class ApprovalOut(Described):
    """A request to reverse a transaction, to pay it out of suspense, or to withdraw cash at the counter."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    """The id of the request."""
    action: ApprovalAction
    """What is to be done."""
    status: ApprovalStatus
    """Whether it waits, or what came of it; it expires after seven days."""
    asked_by: UUID
    """The id of the person who asked."""
    asked_by_name: Annotated[str, Field(examples=["grace.hopper"])]
    """The username of the person who asked."""
    asked_at: Timestamp
    """When it was asked."""
    decided_by: UUID | None
    """The id of the person who decided."""
    decided_by_name: Annotated[str, Field(examples=["ada.lovelace"])] | None
    """The username of the person who decided."""
    decided_at: Timestamp | None
    """When it was decided."""
    reason: Annotated[str, Field(examples=["The customer has agreed to the payment"])] | None
    """Why it was rejected."""
    transaction: TransactionOut | None = None
    """The transaction that it is about; for a withdrawal the one that it will become, which is pending until then."""


class ApprovalsAnswer(PageAnswer):
    """A page of requests, newest first."""

    approvals: list[ApprovalOut]
    """The requests of this page."""


class ApprovalAnswer(Answer):
    """One request."""

    approval: ApprovalOut
    """The request."""


class AcceptedAnswer(Answer):
    """A payment by staff that is not done yet: its outcome is unknown, or it waits for a second person."""

    transaction: TransactionOut | SkipJsonSchema[None] = None
    """The pending transaction, when the outcome is unknown."""
    approval: ApprovalOut | SkipJsonSchema[None] = None
    """The request, when a second person has to approve it."""
