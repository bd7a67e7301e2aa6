"""Pages on which a customer writes to the bank and reads its answers."""

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired

from api_gateway.clients.account import by_id
from api_gateway.clients.cases import Conversation
from api_gateway.clients.transaction import Transaction
from api_gateway.pages.common import unread
from api_gateway.pages.common.filters import OwnCaseFilters, list_page
from api_gateway.pages.common.forms import BankForm, at_most, options
from api_gateway.pages.common.responses import form_page, see_other, uuid_in_address
from api_gateway.pages.common.services import Services, result_or_none, start_call
from shared.web.access import Caller, private

KINDS = {"dispute": "I don't know it, or it is wrong", "question": "I have a question"}
messages = Blueprint("messages", __name__)


class ReplyForm(BankForm):
    """A message of a case."""

    text = TextAreaField("Message", [InputRequired("Write your message."), at_most(4000)])


class NewMessageForm(ReplyForm):
    """The first message of a case. Without a payment there is no choice: it is a question."""

    kind = SelectField("This payment", [InputRequired("Choose a kind.")], choices=options(KINDS), default="dispute")
    subject = StringField("Subject", [InputRequired("Enter a subject."), at_most(100)])


class EndForm(BankForm):
    """The end of a case by its customer."""

    reason = StringField("Reason", [at_most(200)])


@messages.get("/messages")
@private
def index(caller: Caller) -> Any:
    """List the caller's cases, the last changed first."""
    filters = OwnCaseFilters()
    found = filters.found(lambda: Services(caller).cases.list_own(filters.query()))
    if found:
        unread.keep(found.unread)
    return list_page("messages.html", filters, found=found)


@messages.route("/messages/new", methods=["GET", "POST"])
@private
def new(caller: Caller) -> Any:
    """Write to the bank, about a payment of the caller if the address names one."""
    transaction_id = uuid_in_address("transaction")
    form = NewMessageForm(data={"subject": "I don't know this payment"} if transaction_id else None)
    if transaction_id is None:
        del form.kind
    elif request.method == "GET" and (known := _unclosed(caller, transaction_id)):
        return redirect(url_for("messages.details", case_id=known), 303)
    opened = form.submitted(
        lambda: Services(caller).cases.open_case(
            kind=form.kind.data if form.kind else "question",
            subject=(form.subject.data or "").strip(),
            text=form.text.data or "",
            transaction_id=transaction_id,
        )
    )
    if opened:
        return see_other("Your message is with us. We answer it here.", _place_of(opened))
    return form_page("message_new.html", form, **_about(caller, transaction_id))


@messages.route("/messages/<uuid:case_id>", methods=["GET", "POST"])
@private
def details(caller: Caller, case_id: UUID) -> Any:
    """Show a case of the caller with its messages, and add one. Staff are redirected for the cases of others."""
    form = ReplyForm()
    written = form.submitted(lambda: Services(caller).cases.write(case_id, form.text.data or ""))
    if written:
        return see_other("Your message is with us.", _place_of(written))
    shown = Services(caller).cases.details(case_id)
    if shown.case.user_id != caller.user_id:
        return redirect(url_for("cases.details", case_id=case_id), 303)
    if shown.case.unread:
        unread.keep(max(0, unread.unread_messages() - shown.case.unread))
    return _page(caller, shown, form)


@messages.post("/messages/<uuid:case_id>/close")
@private
def close(caller: Caller, case_id: UUID) -> Any:
    """Close a case of the caller."""
    form = EndForm()
    reason = (form.reason.data or "").strip()
    closed = form.submitted(lambda: Services(caller).cases.close(case_id, reason))
    if closed:
        return see_other("The conversation is closed. A new message opens it again.", _place_of(closed))
    return _page(caller, Services(caller).cases.details(case_id), ReplyForm(formdata=None), form)


def _page(caller: Caller, shown: Conversation, form: ReplyForm, closing: EndForm | None = None) -> tuple[str, int]:
    about = _about(caller, shown.case.transaction_id, optional=True)
    page, status = form_page("message.html", form, shown=shown, closing=closing or EndForm(formdata=None), **about)
    return page, max(status, closing.status_code if closing else 0)


def _place_of(shown: Conversation) -> str:
    return url_for("messages.details", case_id=shown.case.id)


def _about(caller: Caller, transaction_id: UUID | None, *, optional: bool = False) -> dict[str, Any]:
    """Return the payment that a case is about and the caller's accounts. Raises NotFound unless `optional`."""
    if transaction_id is None:
        return {"transaction": None, "mine": {}}
    own_call = start_call(Services(caller).accounts.list_own)
    asked = start_call(Services(caller).transactions.details, transaction_id)
    transaction: Transaction | None = result_or_none(asked) if optional else asked.result()
    return {"transaction": transaction, "mine": by_id(result_or_none(own_call) or [])}


def _unclosed(caller: Caller, transaction_id: UUID) -> UUID | None:
    """Return the id of the caller's case about a payment if it is not closed."""
    query = {"transaction_id": str(transaction_id), "limit": 10}
    found = Services(caller).cases.list_own(query).cases
    return next((case.id for case in found if case.state != "closed"), None)
