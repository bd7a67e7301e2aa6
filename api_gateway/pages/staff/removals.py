"""The page on which two employees remove the second factor of a customer who has lost it."""

from typing import Any
from uuid import UUID

from flask import Blueprint, url_for
from werkzeug.wrappers import Response
from wtforms import StringField
from wtforms.validators import InputRequired

from api_gateway.pages.common.forms import BankForm, at_most
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.sections import customer_service, start_call
from api_gateway.web.browser_session import refuse_ended_sessions
from shared.web.access import Caller, staff_only

removals = Blueprint("removals", __name__)


class RemovalForm(BankForm):
    """Why a second factor has to be removed."""

    reason = StringField(
        "Reason",
        [InputRequired("Write why, and how the customer has proven who they are."), at_most(200)],
        filters=[lambda text: text.strip() if text else text],
    )


@removals.route("/admin/customers/<uuid:user_id>/second-factor", methods=["GET", "POST"])
@staff_only
def show(caller: Caller, user_id: UUID) -> Any:
    """Show whether a customer has a second factor, and ask for its removal."""
    form = RemovalForm()
    if form.carried_out(lambda: customer_service().ask_for_removal(caller.token, user_id, form.reason.data or "")):
        return see_other("A colleague has to approve the removal. The customer is told by mail.", _place(user_id))
    state = start_call(customer_service().removal, caller.token, user_id)
    customer = customer_service().details(caller.token, user_id)
    return form_page("customer_second_factor.html", form, customer=customer, state=state.result(), caller=caller)


@removals.post("/admin/customers/<uuid:user_id>/second-factor/approve")
@staff_only
def approve(caller: Caller, user_id: UUID) -> Response:
    """Remove the second factor, as a colleague has asked."""
    customer_service().decide_removal(caller.token, user_id, "approve")
    refuse_ended_sessions()
    return see_other("The second factor is removed, and the customer is logged out everywhere.", _place(user_id))


@removals.post("/admin/customers/<uuid:user_id>/second-factor/refuse")
@staff_only
def refuse(caller: Caller, user_id: UUID) -> Response:
    """Refuse the removal, or take one's own request back."""
    customer_service().decide_removal(caller.token, user_id, "refuse")
    return see_other("The second factor stays as it is.", _place(user_id))


def _place(user_id: UUID) -> str:
    return url_for("removals.show", user_id=user_id)
