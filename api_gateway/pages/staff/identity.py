"""The page on which staff check the identity of a customer."""

from typing import Any
from uuid import UUID

from flask import Blueprint, url_for
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired

from api_gateway.pages.common.filters import DayField
from api_gateway.pages.common.forms import BankForm, at_most, options
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.services import Services, start_call
from shared.web.access import Caller, staff_with

STATES = {"verified": "Verified", "pending": "Pending", "rejected": "Rejected", "none": "Not verified: start again"}
DOCUMENTS = {
    "passport": "Passport",
    "identity_card": "Identity card",
    "driving_licence": "Driving licence",
    "residence_permit": "Residence permit",
}
identity = Blueprint("identity", __name__)


class IdentityForm(BankForm):
    """The decision, and the document that was shown."""

    state = SelectField("Decision", [InputRequired("Choose the decision.")], choices=options(STATES))
    document_kind = SelectField("Document", choices=options(DOCUMENTS, "None"), default="")
    document_number = StringField("Number", [at_most(40)])
    expires_on = DayField("Valid until")
    reason = StringField("Reason", [InputRequired("Write how it was checked, or why not."), at_most(200)])

    @property
    def decision(self) -> dict[str, str | None]:
        """Return the request body."""
        number = (self.document_number.data or "").strip()
        return {
            "state": self.state.data,
            "reason": (self.reason.data or "").strip(),
            "document_kind": self.document_kind.data or None,
            "document_number": number or None,
            "expires_on": str(self.expires_on.data) if self.expires_on.data else None,
        }


@identity.route("/admin/customers/<uuid:user_id>/identity", methods=["GET", "POST"])
@staff_with("customers:read")
def show(caller: Caller, user_id: UUID) -> Any:
    """Show the state of a customer's identity check, and set it."""
    form = IdentityForm()
    if form.carried_out(lambda: Services(caller).customers.decide_identity(user_id, form.decision)):
        return see_other("The decision is saved.", url_for("customers.customer", user_id=user_id))
    state = start_call(Services(caller).customers.identity, user_id)
    customer = Services(caller).customers.details(user_id)
    return form_page("admin_identity.html", form, customer=customer, state=state.result(), documents=DOCUMENTS)
