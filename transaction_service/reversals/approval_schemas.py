"""Request bodies, queries and responses for requests that wait for a second person."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from shared.web.approvals.schemas import ApprovalFields, ApprovalPage
from shared.web.validation.openapi import Answer
from transaction_service.transaction_schemas import TransactionOut

ApprovalAction = Literal["reverse", "pay_out", "withdraw"]


class PaymentApprovalPage(ApprovalPage):
    """Filters of the list of requests; all must match."""

    subject_id: Annotated[UUID | None, Field(alias="transaction_id")] = None
    """Only requests about this transaction."""


class PaymentApprovalOut(ApprovalFields):
    """A request to reverse a transaction, to pay it out of suspense, or to withdraw cash at the counter."""

    action: ApprovalAction
    """What is to be done."""
    transaction: TransactionOut | None = None
    """The transaction that it is about; for a withdrawal the one that it will become, which is pending until then."""


class AcceptedAnswer(Answer):
    """A payment by staff that is not done yet: its outcome is unknown, or it waits for a second person."""

    transaction: TransactionOut | SkipJsonSchema[None] = None
    """The pending transaction, when the outcome is unknown."""
    approval: PaymentApprovalOut | SkipJsonSchema[None] = None
    """The request, when a second person has to approve it."""
