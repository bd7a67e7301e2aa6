"""The endpoints of requests about people that wait for a second person."""

from uuid import UUID

from flask import Blueprint, Response

from auth_service.approvals import approval_logic
from auth_service.common_service import api, render_approval, render_approvals, tools
from auth_service.common_service import approvals as requests
from auth_service.permissions.permission_logic import NotAnEmployee
from auth_service.user_logic import LastAdmin
from auth_service.user_schemas import PersonApprovalOut
from shared.web.access import Caller, staff_only, staff_with
from shared.web.approvals import rules
from shared.web.approvals.rules import PERMISSION, AlreadyDecided, AskerNotAllowed
from shared.web.approvals.schemas import ApprovalPage, Rejection
from shared.web.cursors import page_of
from shared.web.responses import success
from shared.web.validation.openapi import EmptyBody, answer, documented

approvals = Blueprint("approvals", __name__, url_prefix="/api/auth/approvals")


@approvals.get("")
@staff_only
@api.validate(resp=documented(200, page_of(approvals=PersonApprovalOut)))
def list_approvals(caller: Caller, query: ApprovalPage) -> Response:
    """Return the requests about people, newest first. Who may not decide sees only their own requests."""
    rows, pagination = rules.list_approvals(requests(), caller, query)
    return success(approvals=render_approvals(rows), pagination=pagination)


@approvals.post("/<uuid:approval_id>/approve")
@staff_with(PERMISSION)
@api.validate(
    resp=documented(200, answer(approval=PersonApprovalOut), AlreadyDecided, AskerNotAllowed, LastAdmin, NotAnEmployee)
)
def approve(caller: Caller, approval_id: UUID, json: EmptyBody) -> Response:
    """Approve the request of somebody else, which carries it out."""
    approval = approval_logic.approve(tools(), requests(), caller, approval_id)
    return success(approval=render_approval(approval), message="The request is approved, and the change is made.")


@approvals.post("/<uuid:approval_id>/reject")
@staff_only
@api.validate(resp=documented(200, answer(approval=PersonApprovalOut), AlreadyDecided))
def reject(caller: Caller, approval_id: UUID, json: Rejection) -> Response:
    """Reject the request of somebody else, or take an own one back."""
    approval = rules.reject(requests(), caller, approval_id, json.reason)
    return success(approval=render_approval(approval), message="The request is rejected.")
