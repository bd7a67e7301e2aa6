"""What an employee may do, chosen by an admin."""

from typing import Any
from uuid import UUID

from flask import Blueprint, request, url_for

from api_gateway.pages.common.forms import BankForm
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.sections import auth_service
from api_gateway.web.browser_session import refuse_ended_sessions
from shared.web.access import Caller, admin_only

PERMISSION_LABELS = {
    "customers:read": "Find customers and see their data, accounts and transactions",
    "customers:write": "Correct contact data, write notes, end sessions and lockouts",
    "customers:verify": "Verify who customers are, and see the numbers of their documents",
    "cases:answer": "Read, answer and close disputes and questions of customers",
    "accounts:open": "Open accounts for customers",
    "accounts:close": "Close empty accounts for customers",
    "accounts:freeze": "Freeze and unfreeze accounts",
    "approvals:decide": "Approve or refuse what another employee has asked for",
    "counter:deposit": "Take cash in at the counter, with a till of their own",
    "counter:withdraw": "Pay cash out at the counter, with a till of their own",
}
permissions = Blueprint("permissions", __name__)


class PermissionForm(BankForm):
    """The permissions of an employee. Its checkboxes, all named `permission`, are read from the request."""


@permissions.route("/admin/users/<uuid:user_id>/permissions", methods=["GET", "POST"])
@admin_only
def choose(caller: Caller, user_id: UUID) -> Any:
    """Choose what an employee may do."""
    user, present = auth_service().user(caller.token, user_id), auth_service().permissions(caller.token, user_id)
    form, chosen = PermissionForm(), request.form.getlist("permission")
    if form.submitted(lambda: auth_service().change_permissions(caller.token, user_id, chosen)):
        refuse_ended_sessions()
        return see_other(f"The permissions of {user.username} are saved.", url_for("admin.users", q=user.username))
    shown = {
        name: PERMISSION_LABELS.get(name, name)
        for name in (*PERMISSION_LABELS, *present.available)
        if name in present.available
    }
    granted = chosen if request.method == "POST" else present.permissions
    return form_page("admin_permissions.html", form, user=user, meanings=shown, granted=granted)
