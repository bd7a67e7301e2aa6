"""What the approval of each request about an account carries out, and what the audit trail says of it."""

from uuid import UUID

from account_service import account_logic
from account_service.account_schemas import Closing, StatusChange
from account_service.account_storage import AccountStorage
from shared.core.texts import masked
from shared.db.approvals import ApprovalColumns
from shared.web import audit_trail
from shared.web.access import Caller
from shared.web.approvals import rules
from shared.web.approvals.rules import ApprovalRules

RIGHTS = {"unfreeze": "accounts:freeze", "close": "accounts:close"}
"""What it takes to ask for each kind of request."""


def approve(storage: AccountStorage, approvals: ApprovalRules, caller: Caller, approval_id: UUID) -> ApprovalColumns:
    """Approve the request of somebody else and change the status of the account.

    Raises NotFound, OwnRequest, OwnMatter, AlreadyDecided, AskerNotAllowed, AccountNotActive, NonZeroBalance.
    """

    def carry_out(approval: ApprovalColumns) -> None:
        kind = Closing if approval.action == "close" else StatusChange
        change = kind.model_validate_json(approval.body)
        account_logic.carry_out(storage, caller, approval.subject_id, change, asked_by=approval.asked_by_name)

    approved: ApprovalColumns = rules.approve(approvals, caller, approval_id, carry_out)
    return approved


def concerns(storage: AccountStorage, caller: Caller, approval: ApprovalColumns) -> bool:
    """Return whether a request is about an account of the caller."""
    account = storage.find_account(approval.subject_id)
    return account is not None and account.user_id == caller.user_id


def record(storage: AccountStorage, what: str, caller: Caller, approval: ApprovalColumns) -> None:
    """Write into the audit trail that a request was made or decided: `ask`, `approve` or `reject`."""
    account = storage.find_account(approval.subject_id)
    details = {
        "request": str(approval.id),
        "action": approval.action,
        "account": masked(account.account_number) if account else None,
        "reason": approval.reason,
    }
    owner_id = account.user_id if account else None
    audit_trail.record(storage.outbox, f"approval.{what}", actor=caller, subject_id=owner_id, details=details)
