"""The page on which two employees remove the second factor of a customer who has lost it."""

from typing import Any
from uuid import UUID

from flask import Blueprint, url_for
from werkzeug.wrappers import Response

from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.services import Services, start_call
from api_gateway.pages.staff.admin_forms import ProvenReasonForm
from api_gateway.web.browser_session import refuse_ended_sessions
from shared.web.access import Caller, staff_only

removals = Blueprint("removals", __name__)


@removals.route("/admin/customers/<uuid:user_id>/second-factor", methods=["GET", "POST"])
@staff_only
def show(caller: Caller, user_id: UUID) -> Any:
    """Show whether a customer has a second factor, and ask for its removal."""
    form = ProvenReasonForm()
    if form.carried_out(lambda: Services(caller).customers.ask_for_removal(user_id, form.text)):
        message = "A colleague has to approve the removal. The customer is told by mail."
        return see_other(message, _place(user_id), "info")
    state = start_call(Services(caller).customers.removal, user_id)
    customer = Services(caller).customers.details(user_id)
    return form_page("admin_second_factor.html", form, customer=customer, state=state.result(), caller=caller)


@removals.post("/admin/customers/<uuid:user_id>/second-factor/approve")
@staff_only
def approve(caller: Caller, user_id: UUID) -> Response:
    """Remove the second factor, as a colleague has asked."""
    Services(caller).customers.decide_removal(user_id, "approve")
    refuse_ended_sessions()
    return see_other("The second factor is removed, and the customer is logged out everywhere.", _place(user_id))


@removals.post("/admin/customers/<uuid:user_id>/second-factor/refuse")
@staff_only
def refuse(caller: Caller, user_id: UUID) -> Response:
    """Refuse the removal, or take one's own request back."""
    Services(caller).customers.decide_removal(user_id, "refuse")
    return see_other("The second factor stays as it is.", _place(user_id))


def _place(user_id: UUID) -> str:
    return url_for("removals.show", user_id=user_id)
