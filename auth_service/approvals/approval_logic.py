"""What the approval of each request about a person carries out, and what the audit trail says of it."""

from collections.abc import Callable, Mapping
from uuid import UUID

from auth_service import user_logic
from auth_service.audit import audit_logic
from auth_service.auth_logic import Tools
from auth_service.permissions import permission_logic
from auth_service.permissions.permission_schemas import PermissionChange
from auth_service.user_schemas import UserChanges
from shared.db.approvals import ApprovalColumns
from shared.web.access import Caller
from shared.web.approvals import rules
from shared.web.approvals.rules import ApprovalRules


def _change_user(tools: Tools, caller: Caller, approval: ApprovalColumns) -> None:
    changes = UserChanges.model_validate_json(approval.body)
    user_logic.carry_out(tools, caller, approval.subject_id, changes, asked_by=approval.asked_by_name)


def _change_permissions(tools: Tools, caller: Caller, approval: ApprovalColumns) -> None:
    change = PermissionChange.model_validate_json(approval.body)
    permission_logic.carry_out(tools, caller, approval.subject_id, change, asked_by=approval.asked_by_name)


ACTIONS: Mapping[str, Callable[[Tools, Caller, ApprovalColumns], None]] = {
    "change_role": _change_user,
    "close_person": _change_user,
    "change_permissions": _change_permissions,
}
"""What each kind of request carries out, in the transaction of its approval."""


def approve(tools: Tools, approvals: ApprovalRules, caller: Caller, approval_id: UUID) -> ApprovalColumns:
    """Approve the request of somebody else and carry it out.

    Raises NotFound, OwnRequest, OwnMatter, AlreadyDecided, AskerNotAllowed, LastAdmin, NotAnEmployee.
    """

    def carry_out(approval: ApprovalColumns) -> None:
        ACTIONS[approval.action](tools, caller, approval)

    approved: ApprovalColumns = rules.approve(approvals, caller, approval_id, carry_out)
    return approved


def concerns(caller: Caller, approval: ApprovalColumns) -> bool:
    """Return whether a request is about the caller."""
    return approval.subject_id == caller.user_id


def record(tools: Tools, what: str, caller: Caller, approval: ApprovalColumns) -> None:
    """Write into the audit trail that a request was made or decided: `ask`, `approve` or `reject`."""
    details = {"request": str(approval.id), "action": approval.action, "reason": approval.reason}
    subject = tools.users.find_user(approval.subject_id)
    audit_logic.record(tools.audit, f"approval.{what}", actor=caller, subject=subject, details=details)
