"""Whom a request about a payment concerns, and what the audit trail says of it."""

from shared.db.approvals import ApprovalColumns
from shared.web import audit_trail
from shared.web.access import Caller
from shared.web.approvals.rules import ADMIN
from transaction_service.counter.counter_schemas import AskedWithdrawal
from transaction_service.reversals.reversal_storage import ReversalStorage

RIGHTS = {"reverse": ADMIN, "pay_out": ADMIN, "withdraw": "counter:withdraw"}
"""What it takes to ask for each kind of request."""


def concerns(storage: ReversalStorage, caller: Caller, approval: ApprovalColumns) -> bool:
    """Return whether a request is about money of the caller."""
    if approval.action == "withdraw":
        return AskedWithdrawal.model_validate_json(approval.body).user_id == caller.user_id
    found = storage.find_transaction(approval.subject_id.hex)
    original = storage.find_transaction(found.reverses_id) if found and found.reverses_id else found
    return original is not None and caller.user_id.hex in (original.from_user_id, original.to_user_id)


def record(storage: ReversalStorage, what: str, caller: Caller, approval: ApprovalColumns) -> None:
    """Write into the audit trail that a request was made or decided: `ask`, `approve` or `reject`."""
    details = {
        "request": str(approval.id),
        "action": approval.action,
        "transaction_id": str(approval.subject_id),
        "reason": approval.reason,
    }
    audit_trail.record(storage.outbox, f"approval.{what}", actor=caller, details=details)
