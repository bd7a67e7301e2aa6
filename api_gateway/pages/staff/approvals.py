"""Pages for requests that wait for a second person: about payments, accounts and people, in one list."""

from typing import Any
from uuid import UUID

from flask import Blueprint
from werkzeug.wrappers import Response

from api_gateway.clients.approvals import KINDS, Approval, ApprovalClient
from api_gateway.clients.base import ListPage, NeedsApproval, NextPage
from api_gateway.pages.common.filters import ROWS, ApprovalFilters, list_page
from api_gateway.pages.common.forms import BankForm
from api_gateway.pages.common.navigation import list_link
from api_gateway.pages.common.responses import see_list, see_payment
from api_gateway.pages.common.services import Services, start_call
from api_gateway.pages.staff.admin_forms import ReasonForm
from shared.core.errors import NotFound
from shared.web import cursors
from shared.web.access import Caller, staff_only

LIST = "/admin/approvals"
approvals = Blueprint("approvals", __name__)


@approvals.app_errorhandler(NeedsApproval)
def _to_approvals(_asked: NeedsApproval) -> Response:
    """Redirect after a request that a second person has to approve."""
    return see_list("Your request is kept. It is carried out when a colleague approves it.", LIST, "info")


@approvals.get("/admin/approvals")
@staff_only
def index(caller: Caller) -> Any:
    """List the requests that wait, and those decided before."""
    return _page(caller)


@approvals.post("/admin/approvals/<kind>/<uuid:approval_id>/approve")
@staff_only
def approve(caller: Caller, kind: str, approval_id: UUID) -> Any:
    """Approve a request of a colleague."""
    service, form = _service(caller, kind), BankForm()
    done = form.submitted(lambda: (service.approve(approval_id),))
    if done is None:
        return _page(caller, approval_id, form)
    (transaction,) = done
    if transaction:
        return see_payment(transaction, "Approved: the money has moved.", "staff.payment")
    return see_list("Approved: the change is made.", list_link(LIST)[0])


@approvals.post("/admin/approvals/<kind>/<uuid:approval_id>/reject")
@staff_only
def reject(caller: Caller, kind: str, approval_id: UUID) -> Any:
    """Reject a request of a colleague, or take an own one back."""
    service, form = _service(caller, kind), ReasonForm()
    if not form.carried_out(lambda: service.reject(approval_id, form.reason.data or "")):
        return _page(caller, approval_id, form)
    return see_list("The request is rejected.", list_link(LIST)[0])


def find(caller: Caller, filters: ApprovalFilters) -> ListPage[Approval]:
    """Return a page of the requests of all kinds, newest first.

    Every kind is ordered by the same two columns, so the position of the last row shown is the cursor of them all.
    """
    query = {name: value for name, value in filters.query().items() if name != "kind"}
    kinds = [filters.kind.data] if filters.kind.data else list(KINDS)
    calls = [
        start_call(Services(caller).approvals[kind].find, query)
        for kind in kinds
        if kind != "payments" or caller.may("approvals:decide") or caller.may("counter:withdraw")
    ]
    found = [call.result() for call in calls]
    rows = sorted((row for page in found for row in page.rows), key=_position, reverse=True)
    has_more = len(rows) > ROWS or any(page.pagination.next_cursor for page in found)
    cursor = cursors.encode(*_position(rows[:ROWS][-1])) if has_more else None
    return ListPage(rows=rows[:ROWS], pagination=NextPage(next_cursor=cursor))


def _position(approval: Approval) -> tuple[Any, ...]:
    return approval.asked_at, approval.id


def _service(caller: Caller, kind: str) -> ApprovalClient:
    """Return the client for a kind in an address. Raises NotFound for an unknown one."""
    if kind not in KINDS:
        raise NotFound
    return Services(caller).approvals[kind]


def _page(caller: Caller, approval_id: UUID | None = None, refused: BankForm | None = None) -> tuple[str, int]:
    """Return the list; `refused` is the form about the request `approval_id` that was refused."""
    filters = ApprovalFilters()
    found = filters.found(lambda: find(caller, filters))
    page, status = list_page("admin_approvals.html", filters, found=found, refused=refused, refused_id=approval_id)
    return page, max(status, refused.status_code if refused else 0)
