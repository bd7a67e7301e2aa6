"""The endpoints that undo payments, reversals and payouts of suspense, and those by which a second person approves."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, Response
from pydantic_core import from_json

from shared.core.errors import AppError, NotFound
from shared.web.access import Caller, admin_only, staff_with
from shared.web.approvals import rules
from shared.web.approvals.rules import AlreadyDecided, ApprovalPending, AskerNotAllowed, OwnRequest
from shared.web.approvals.schemas import Rejection
from shared.web.cursors import page_of
from shared.web.responses import success
from shared.web.validation.openapi import AnswerTypes, Body, EmptyBody, answer, documented
from shared.web.validation.openapi_document import Declared
from transaction_service.common_service import COMMON_REFUSALS, api, carry_out_order, origin, payment, render_all, tools
from transaction_service.counter import counter_logic
from transaction_service.counter.counter_schemas import AskedWithdrawal
from transaction_service.projection_logic import make_pending
from transaction_service.reversals import reversal_logic
from transaction_service.reversals.approval_models import Approval
from transaction_service.reversals.approval_schemas import (
    AcceptedAnswer,
    ApprovalAction,
    PaymentApprovalOut,
    PaymentApprovalPage,
)
from transaction_service.reversals.reversal_logic import NotReversible, OwnTransaction
from transaction_service.transaction_clients import Order
from transaction_service.transaction_logic import (
    AlreadyPaidOut,
    AlreadyReversed,
    InsufficientFunds,
    Origin,
    TillNotOpen,
    TillShort,
)
from transaction_service.transaction_models import Transaction
from transaction_service.transaction_schemas import PayOut, Reversal, SuspenseItemOut, SuspenseQuery, TransactionOut

reversals = Blueprint("reversals", __name__, url_prefix="/api/transactions")


def may_wait(*refusals: type[AppError]) -> AnswerTypes:
    """Return the documented responses of an endpoint that moves money, or asks a second person for it."""
    types = AnswerTypes(HTTP_201=answer(transaction=TransactionOut), HTTP_202=AcceptedAnswer)
    types.declared = Declared((*COMMON_REFUSALS, ApprovalPending, *refusals), takes_key=True, replays=True)
    return types


@reversals.post("/reverse/<uuid:transaction_id>")
@admin_only
@api.validate(resp=may_wait(InsufficientFunds, NotReversible, AlreadyReversed, OwnTransaction))
def reverse(caller: Caller, transaction_id: UUID, json: Reversal) -> Response:
    """Reverse a completed transaction by a new, opposite one, or ask a second person for it."""
    reversal = reversal_logic.reverse(
        tools().reversals, tools().accounts, caller, transaction_id.hex, json, origin=origin()
    )
    return _carry_out_or_ask(reversal, caller, "reverse", json)


@reversals.get("/suspense")
@staff_with("customers:read")
@api.validate(resp=documented(200, page_of(suspense=SuspenseItemOut)))
def list_suspense(caller: Caller, query: SuspenseQuery) -> Response:
    """Return the money that reversals put into the suspense account, newest first."""
    items, pagination = reversal_logic.list_suspense(tools().reversals, caller, query)
    return success(suspense=[SuspenseItemOut.of(item, tools().currency) for item in items], pagination=pagination)


@reversals.post("/pay_out/<uuid:transaction_id>")
@admin_only
@api.validate(resp=may_wait(NotFound, OwnTransaction, AlreadyPaidOut))
def pay_out(caller: Caller, transaction_id: UUID, json: PayOut) -> Response:
    """Pay money in suspense to an account of its customer."""
    payout = reversal_logic.pay_out(
        tools().reversals, tools().accounts, caller, transaction_id.hex, json, origin=origin()
    )
    return _carry_out_or_ask(payout, caller, "pay_out", json)


@reversals.get("/approvals")
@staff_with("approvals:decide", "counter:withdraw", "customers:read")
@api.validate(resp=documented(200, page_of(approvals=PaymentApprovalOut)))
def list_approvals(caller: Caller, query: PaymentApprovalPage) -> Response:
    """Return the requests that wait for a second person, and those decided before, newest first."""
    rows, pagination = rules.list_approvals(tools().approvals, caller, query)
    return success(approvals=render_approvals(caller, rows), pagination=pagination)


@reversals.post("/approvals/<uuid:approval_id>/approve")
@staff_with("approvals:decide")
@api.validate(
    resp=payment(
        InsufficientFunds,
        AlreadyReversed,
        OwnTransaction,
        OwnRequest,
        AlreadyDecided,
        AskerNotAllowed,
        TillNotOpen,
        TillShort,
    )
)
def approve(caller: Caller, approval_id: UUID, json: EmptyBody) -> Response:
    """Approve the request of a colleague, which carries it out."""
    posting, order = tools().posting, _order_of(rules.find_to_approve(tools().approvals, caller, approval_id), caller)

    def keep(_approval: Approval) -> None:
        posting.storage.add_pending([make_pending(order)])

    rules.approve(tools().approvals, caller, approval_id, keep)
    posting.may_be_pending = True  # after the commit, on which `posting_logic.resend` relies
    return carry_out_order(order, caller)


@reversals.post("/approvals/<uuid:approval_id>/reject")
@staff_with("approvals:decide", "counter:withdraw")
@api.validate(resp=documented(200, answer(approval=PaymentApprovalOut), AlreadyDecided))
def reject(caller: Caller, approval_id: UUID, json: Rejection) -> Response:
    """Reject the request of a colleague, or take an own one back."""
    approval = rules.reject(tools().approvals, caller, approval_id, json.reason)
    return success(approval=render_approvals(caller, [approval])[0], message="The request is rejected.")


def _carry_out_or_ask(order: Order, caller: Caller, action: ApprovalAction, body: Body) -> Response:
    """Carry an order out, or keep it for a second person where the bank requires one."""
    if not tools().approvals.is_required:
        return carry_out_order(order, caller)
    subject_id = UUID(order["reverses_id"])
    approval = rules.ask(tools().approvals, caller, action, subject_id, body.model_dump_json(exclude_unset=True))
    return success(202, approval=render_approvals(caller, [approval])[0], message="It waits for a second person.")


def _order_of(approval: Approval, caller: Caller) -> Order:
    """Return the order of a request, as if `caller` had sent it. Its key makes it the same however often it is made.

    It is made before the approval is kept, so what can't be carried out is not approved. It is kept as a pending
    transaction in the commit of the approval, so it is settled also if this process dies before the ledger decides.
    """
    if approval.action == "withdraw":
        return withdrawal_of(approval, caller)
    rule = reversal_logic.reverse if approval.action == "reverse" else reversal_logic.pay_out
    body = Reversal if approval.action == "reverse" else PayOut
    given: Any = body.model_validate_json(approval.body)
    return rule(
        tools().reversals, tools().accounts, caller, approval.subject_id.hex, given, origin=_origin_of(approval)
    )


def withdrawal_of(approval: Approval, caller: Caller) -> Order:
    """Return the order of a withdrawal that was asked for."""
    asked = AskedWithdrawal.model_validate_json(approval.body)
    request = _origin_of(approval)._replace(transaction_id=approval.subject_id.hex)
    return counter_logic.asked_order(caller, approval.asked_by, asked, request)


def _origin_of(approval: Approval) -> Origin:
    """Return the origin of a request that is carried out. A key with a space can't be that of a client."""
    return origin()._replace(idempotency_key=f"approval {approval.id}")


def render_approvals(caller: Caller, rows: Sequence[Approval]) -> list[PaymentApprovalOut]:
    """Return requests with the transactions that they are about, as the caller may see them."""
    about = [_transaction_of(row, caller) for row in rows]
    rendered = iter(render_all(caller, [transaction for transaction in about if transaction]))
    return [
        PaymentApprovalOut.model_validate(row).model_copy(
            update={"request": _request_of(row), "transaction": next(rendered) if transaction else None}
        )
        for row, transaction in zip(rows, about, strict=True)
    ]


def _request_of(approval: Approval) -> dict[str, Any]:
    """Return the body of a request as it was sent. The one of a withdrawal is stored in another form."""
    if approval.action != "withdraw":
        body: dict[str, Any] = from_json(approval.body)
        return body
    asked = AskedWithdrawal.model_validate_json(approval.body)
    amount = tools().currency.to_text(asked.amount_minor)
    return {"account_id": str(asked.account_id), "amount": amount, "description": asked.description}


def _transaction_of(approval: Approval, caller: Caller) -> Transaction | None:
    """Return the transaction of a request; for a withdrawal that is not carried out what it would become."""
    found = tools().reversals.find_transaction(approval.subject_id.hex)
    if found or approval.action != "withdraw":
        return found
    asked = AskedWithdrawal.model_validate_json(approval.body)
    order = counter_logic.asked_order(caller, approval.asked_by, asked, origin()._replace(at=approval.asked_at))
    pending = replace(make_pending(order), id=approval.subject_id.hex)
    return replace(pending, from_user_id=asked.user_id.hex, from_masked_number=asked.account_number)
