"""The rules of two pairs of eyes: one person asks, another one approves or rejects, once, within seven days."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from shared.core import clock
from shared.core.errors import NotFound
from shared.core.ids import dashed
from shared.db.outages import rerun_when_aborted
from shared.web import audit_trail, cursors
from shared.web.access import Caller
from shared.web.approvals import rules
from shared.web.approvals.rules import AlreadyDecided, ApprovalPending, OwnRequest
from shared.web.cursors import Pagination
from transaction_service.reversals.approval_models import Approval
from transaction_service.reversals.approval_schemas import ApprovalAction, ApprovalsQuery
from transaction_service.reversals.approval_storage import ApprovalStorage
from transaction_service.transaction_clients import Order

UNKNOWN = "There is no such request."


@rerun_when_aborted
def ask(storage: ApprovalStorage, caller: Caller, action: ApprovalAction, order: Order, body: str) -> Approval:
    """Keep a request, whose `order` was checked, for a second person. The same request again returns the first one.

    Raises ApprovalPending when another request for the same transaction waits.
    """
    transaction_id = order["reverses_id"] or order["transaction_id"]
    with storage.transaction():
        storage.expire(clock.now() - rules.PERIOD)
        pending = storage.find_pending(transaction_id)
        if pending and (pending.asked_by, pending.action, pending.body) != (caller.user_id, action, body):
            raise ApprovalPending
        if pending:
            return pending
        approval = Approval(
            action=action,
            transaction_id=transaction_id,
            body=body,
            asked_by=caller.user_id,
            asked_by_name=caller.username,
            asked_at=clock.now(),
        )
        storage.add_approval(approval)
        _audit(storage, "approval.ask", caller, approval)
        return approval


def list_approvals(
    storage: ApprovalStorage, caller: Caller, query: ApprovalsQuery
) -> tuple[list[Approval], Pagination]:
    """Return a page of the requests that match, newest first. Who may not decide sees only their own requests."""
    with storage.transaction():
        storage.expire(clock.now() - rules.PERIOD)
    asked_by = query.asked_by if caller.may(rules.PERMISSION) else caller.user_id
    fetch = partial(storage.list_approvals, status=query.status, transaction_id=query.transaction_id, asked_by=asked_by)
    return cursors.fetch_page(query, fetch, asked_at=datetime, id=UUID)


def details(storage: ApprovalStorage, approval_id: UUID) -> Approval:
    """Return one request. Raises NotFound."""
    return _require_found(storage.find_approval(approval_id))


def approve(
    storage: ApprovalStorage, caller: Caller, approval_id: UUID, make_order: Callable[[Approval], Order]
) -> Order:
    """Approve a request, and return the order that is to be carried out.

    The order is made, and so checked, before the decision is kept. The same person may approve again what they have
    approved: the key of the order makes sure that it is carried out once, also after a crash in between.
    Raises NotFound, OwnRequest, AlreadyDecided, and what `make_order` raises.
    """
    _require_approver(details(storage, approval_id), caller)
    order = make_order(details(storage, approval_id))
    _decide(storage, caller, approval_id, "approved")
    return order


@rerun_when_aborted
def _decide(
    storage: ApprovalStorage, caller: Caller, approval_id: UUID, status: str, reason: str | None = None
) -> Approval:
    with storage.transaction():
        approval = _require_found(storage.find_approval_to_change(approval_id))
        if status == "approved":
            _require_approver(approval, caller)
        if approval.status == status == "approved":
            return approval
        if _is_decided(approval):
            raise AlreadyDecided
        approval.status, approval.reason = status, reason
        approval.decided_by, approval.decided_by_name = caller.user_id, caller.username
        approval.decided_at = clock.now()
        _audit(storage, "approval.approve" if status == "approved" else "approval.reject", caller, approval)
        return approval


def reject(storage: ApprovalStorage, caller: Caller, approval_id: UUID, reason: str) -> Approval:
    """Reject a request, or take one's own back. Raises NotFound, AlreadyDecided.

    Who may not decide finds only their own requests.
    """
    if details(storage, approval_id).asked_by != caller.user_id and not caller.may(rules.PERMISSION):
        raise NotFound(UNKNOWN)
    return _decide(storage, caller, approval_id, "rejected", reason)


def _require_approver(approval: Approval, caller: Caller) -> None:
    """Raise OwnRequest or AlreadyDecided unless the caller may approve, or has approved, this request."""
    if approval.asked_by == caller.user_id:
        raise OwnRequest
    if _is_decided(approval) and (approval.status, approval.decided_by) != ("approved", caller.user_id):
        raise AlreadyDecided


def _is_decided(approval: Approval) -> bool:
    return approval.status != "pending" or approval.asked_at < clock.now() - rules.PERIOD


def _require_found(approval: Approval | None) -> Approval:
    if approval is None:
        raise NotFound(UNKNOWN)
    return approval


def _audit(storage: ApprovalStorage, action: str, caller: Caller, approval: Approval) -> None:
    about = {"request": str(approval.id), "action": approval.action, "transaction_id": dashed(approval.transaction_id)}
    audit_trail.record(storage.outbox, action, actor=caller, details=about)
