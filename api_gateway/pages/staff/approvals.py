"""Pages for requests that wait for a second admin."""

from typing import Any
from uuid import UUID

from flask import Blueprint, url_for

from api_gateway.pages.common.filters import ApprovalFilters
from api_gateway.pages.common.forms import BankForm
from api_gateway.pages.common.responses import done, paid
from api_gateway.pages.common.sections import approval_service, list_page
from api_gateway.pages.staff.admin_forms import RejectionForm
from shared.web.access import Caller, admin_only

approvals = Blueprint("approvals", __name__)


@approvals.get("/admin/approvals")
@admin_only
def index(caller: Caller) -> Any:
    """List the requests that wait, and those decided before."""
    return _page(caller)


@approvals.post("/admin/approvals/<uuid:approval_id>/approve")
@admin_only
def approve(caller: Caller, approval_id: UUID) -> Any:
    """Approve a request of another admin."""
    form = BankForm()
    transaction = form.submitted(lambda: approval_service().approve(caller.token, approval_id))
    if transaction is None:
        return _page(caller, approval_id, form)
    return paid(transaction, "Approved: the money has moved back.", "staff.payment")


@approvals.post("/admin/approvals/<uuid:approval_id>/reject")
@admin_only
def reject(caller: Caller, approval_id: UUID) -> Any:
    """Reject a request of another admin, or take an own one back."""
    form = RejectionForm()
    if form.submitted(lambda: approval_service().reject(caller.token, approval_id, form.reason.data or "")) is None:
        return _page(caller, approval_id, form)
    return done("The request is rejected.", url_for("approvals.index"))


def _page(caller: Caller, approval_id: UUID | None = None, refused: BankForm | None = None) -> tuple[str, int]:
    """Return the list; `refused` is the form about the request `approval_id` that was refused."""
    filters = ApprovalFilters()
    found = filters.found(lambda: approval_service().find(caller.token, filters.query()))
    page, status = list_page("admin_approvals.html", filters, found=found, refused=refused, refused_id=approval_id)
    return page, max(status, refused.status_code if refused else 0)
