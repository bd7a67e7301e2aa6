"""The endpoints of requests about accounts that wait for a second person."""

from uuid import UUID

from flask import Blueprint, Response

from account_service.account_logic import AccountNotActive, NonZeroBalance
from account_service.account_schemas import AccountApprovalOut
from account_service.approvals import approval_logic
from account_service.common_service import api, render_approval, render_approvals, tools
from shared.web.access import Caller, staff_only, staff_with
from shared.web.approvals import rules
from shared.web.approvals.rules import PERMISSION, AlreadyDecided, AskerNotAllowed
from shared.web.approvals.schemas import ApprovalPage, Rejection
from shared.web.cursors import page_of
from shared.web.responses import success
from shared.web.validation.openapi import EmptyBody, answer, documented

approvals = Blueprint("approvals", __name__, url_prefix="/api/accounts/approvals")


@approvals.get("")
@staff_only
@api.validate(resp=documented(200, page_of(approvals=AccountApprovalOut)))
def list_approvals(caller: Caller, query: ApprovalPage) -> Response:
    """Return the requests about accounts, newest first. Who may not decide sees only their own requests."""
    rows, pagination = rules.list_approvals(tools().approvals, caller, query)
    return success(approvals=render_approvals(rows), pagination=pagination)


@approvals.post("/<uuid:approval_id>/approve")
@staff_with(PERMISSION)
@api.validate(
    resp=documented(
        200, answer(approval=AccountApprovalOut), AlreadyDecided, AskerNotAllowed, AccountNotActive, NonZeroBalance
    )
)
def approve(caller: Caller, approval_id: UUID, json: EmptyBody) -> Response:
    """Approve the request of somebody else, which carries it out."""
    approval = approval_logic.approve(tools().accounts, tools().approvals, caller, approval_id)
    return success(approval=render_approval(approval), message="The request is approved, and the change is made.")


@approvals.post("/<uuid:approval_id>/reject")
@staff_only
@api.validate(resp=documented(200, answer(approval=AccountApprovalOut), AlreadyDecided))
def reject(caller: Caller, approval_id: UUID, json: Rejection) -> Response:
    """Reject the request of somebody else, or take an own one back."""
    approval = rules.reject(tools().approvals, caller, approval_id, json.reason)
    return success(approval=render_approval(approval), message="The request is rejected.")
