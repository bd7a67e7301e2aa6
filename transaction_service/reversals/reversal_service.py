"""The endpoints that undo payments: reversals, payouts of suspense, and their approval by a second admin."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint, Response

from shared.core.errors import AppError, NotFound
from shared.web.access import Caller, admin_only, staff_with
from shared.web.approvals.rules import AlreadyDecided, ApprovalPending, OwnRequest
from shared.web.approvals.schemas import Agreement, Rejection
from shared.web.responses import success
from shared.web.validation.openapi import AnswerTypes, Body, documented
from shared.web.validation.openapi_document import Declared
from transaction_service.common_service import USUAL, api, carry_out_order, origin, payment, render_all, tools
from transaction_service.reversals import approval_logic, reversal_logic
from transaction_service.reversals.approval_models import Approval
from transaction_service.reversals.approval_schemas import (
    AcceptedAnswer,
    ApprovalAction,
    ApprovalAnswer,
    ApprovalOut,
    ApprovalsAnswer,
    ApprovalsQuery,
)
from transaction_service.reversals.reversal_logic import NotReversible, OwnTransaction
from transaction_service.transaction_clients import Order
from transaction_service.transaction_logic import AlreadyPaidOut, AlreadyReversed, InsufficientFunds
from transaction_service.transaction_schemas import (
    PayOut,
    Reversal,
    SuspenseAnswer,
    SuspenseItemOut,
    SuspenseQuery,
    TransactionAnswer,
)

reversals = Blueprint("reversals", __name__, url_prefix="/api/transactions")


def _undoing(*refusals: type[AppError]) -> AnswerTypes:
    """Return the documented responses of an endpoint that undoes a payment, or asks a second admin for it."""
    types = AnswerTypes(HTTP_201=TransactionAnswer, HTTP_202=AcceptedAnswer)
    types.declared = Declared((*USUAL, ApprovalPending, *refusals), takes_key=True, replays=True)
    return types


@reversals.post("/reverse/<uuid:transaction_id>")
@admin_only
@api.validate(resp=_undoing(InsufficientFunds, NotReversible, AlreadyReversed, OwnTransaction))
def reverse(caller: Caller, transaction_id: UUID, json: Reversal) -> Response:
    """Reverse a completed transaction by a new, opposite one, or ask a second admin for it."""
    reversal = reversal_logic.reverse(
        tools().reversals, tools().accounts, caller, transaction_id.hex, json, origin=origin()
    )
    return _carry_out_or_ask(reversal, caller, "reverse", json)


@reversals.get("/suspense")
@staff_with("customers:read")
@api.validate(resp=documented(200, SuspenseAnswer))
def list_suspense(caller: Caller, query: SuspenseQuery) -> Response:
    """Return the money that reversals put into the suspense account, newest first."""
    items, pagination = reversal_logic.list_suspense(tools().reversals, caller, query)
    return success(suspense=[SuspenseItemOut.of(item, tools().currency) for item in items], pagination=pagination)


@reversals.post("/pay_out/<uuid:transaction_id>")
@admin_only
@api.validate(resp=_undoing(NotFound, OwnTransaction, AlreadyPaidOut))
def pay_out(caller: Caller, transaction_id: UUID, json: PayOut) -> Response:
    """Pay money in suspense to an account of its customer."""
    payout = reversal_logic.pay_out(
        tools().reversals, tools().accounts, caller, transaction_id.hex, json, origin=origin()
    )
    return _carry_out_or_ask(payout, caller, "pay_out", json)


@reversals.get("/approvals")
@admin_only
@api.validate(resp=documented(200, ApprovalsAnswer))
def list_approvals(caller: Caller, query: ApprovalsQuery) -> Response:
    """Return the requests that wait for a second admin, and those decided before, newest first."""
    rows, pagination = approval_logic.list_approvals(tools().approvals, query)
    return success(approvals=_render_approvals(caller, rows), pagination=pagination)


@reversals.post("/approvals/<uuid:approval_id>/approve")
@admin_only
@api.validate(resp=payment(InsufficientFunds, AlreadyReversed, OwnTransaction, OwnRequest, AlreadyDecided))
def approve(caller: Caller, approval_id: UUID, json: Agreement) -> Response:
    """Approve the request of another admin, which carries it out."""
    order = approval_logic.approve(tools().approvals, caller, approval_id, lambda approval: _order_of(approval, caller))
    return carry_out_order(order, caller)


@reversals.post("/approvals/<uuid:approval_id>/reject")
@admin_only
@api.validate(resp=documented(200, ApprovalAnswer, AlreadyDecided))
def reject(caller: Caller, approval_id: UUID, json: Rejection) -> Response:
    """Reject the request of another admin, or take an own one back."""
    approval = approval_logic.reject(tools().approvals, caller, approval_id, json.reason)
    return success(approval=_render_approvals(caller, [approval])[0], message="The request is rejected.")


def _carry_out_or_ask(order: Order, caller: Caller, action: ApprovalAction, body: Body) -> Response:
    """Carry an order out, or keep it for a second admin where the bank requires one."""
    if not tools().needs_approval:
        return carry_out_order(order, caller)
    approval = approval_logic.ask(tools().approvals, caller, action, order, body.model_dump_json(exclude_unset=True))
    return success(202, approval=_render_approvals(caller, [approval])[0], message="It waits for a second admin.")


def _order_of(approval: Approval, caller: Caller) -> Order:
    """Return the order of a request, as if `caller` had sent it. Its key makes it the same however often it is made."""
    rule = reversal_logic.reverse if approval.action == "reverse" else reversal_logic.pay_out
    body = Reversal if approval.action == "reverse" else PayOut
    request = origin()._replace(idempotency_key=f"approval-{approval.id}")
    given: Any = body.model_validate_json(approval.body)
    return rule(tools().reversals, tools().accounts, caller, approval.transaction_id, given, origin=request)


def _render_approvals(caller: Caller, rows: Sequence[Approval]) -> list[ApprovalOut]:
    about = [tools().reversals.find_transaction(row.transaction_id) for row in rows]
    rendered = iter(render_all(caller, [transaction for transaction in about if transaction]))
    return [
        ApprovalOut.model_validate(row).model_copy(update={"transaction": next(rendered) if transaction else None})
        for row, transaction in zip(rows, about, strict=True)
    ]
