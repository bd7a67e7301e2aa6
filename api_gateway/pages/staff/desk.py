"""The bank's desk: the search for customers, and one page with the data of a customer and the actions on them."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from uuid import UUID

from flask import Blueprint, url_for
from werkzeug.wrappers import Response

from api_gateway.clients.account import Account, ListedAccount
from api_gateway.clients.auth import Person, User
from api_gateway.clients.base import MAX_PAGE, ListPage
from api_gateway.pages.common.filters import CustomerFilters
from api_gateway.pages.common.forms import BankForm
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.sections import (
    account_service,
    by_id,
    case_service,
    customer_service,
    list_page,
    result_or_none,
    start_call,
    transaction_service,
)
from api_gateway.pages.staff.admin_forms import (
    AccountClosingForm,
    AccountStatusForm,
    ContactForm,
    NoteForm,
    ResetStartForm,
)
from api_gateway.pages.staff.work_queue import requests_about
from api_gateway.web.browser_session import refuse_ended_sessions
from shared.core.errors import ServiceUnavailable
from shared.web.access import Caller, staff_only

ROWS = 10
NOTES = 20
desk = Blueprint("desk", __name__)


@desk.get("/admin/customers")
@staff_only
def index(caller: Caller) -> Any:
    """Find customers by name or contact data, or by the number of one of their accounts."""
    filters = CustomerFilters()
    digits = filters.account_digits
    accounts_call = (
        start_call(account_service().list_all, caller.token, {"q": digits, "limit": ROWS}) if digits else None
    )
    found = filters.found(lambda: customer_service().find(caller.token, filters.query()))
    accounts = result_or_none(accounts_call) if accounts_call else None
    return list_page("admin_customers.html", filters, found=found, accounts=_with_owners(caller, accounts))


@desk.get("/admin/customers/<uuid:user_id>")
@staff_only
def customer(caller: Caller, user_id: UUID) -> Any:
    """Show a customer with their data, accounts and notes, and the actions on them."""
    return _customer_page(caller, user_id)


@desk.post("/admin/customers/<uuid:user_id>/contact")
@staff_only
def correct(caller: Caller, user_id: UUID) -> Any:
    """Correct a customer's contact data."""
    present = customer_service().details(caller.token, user_id)
    form = _contact_form(caller, present)

    def save() -> None:
        if changes := form.changes(present):
            customer_service().correct(caller.token, user_id, changes)

    return _end(caller, user_id, form, save, "The contact data are saved.", contact=form)


@desk.post("/admin/customers/<uuid:user_id>/notes")
@staff_only
def add_note(caller: Caller, user_id: UUID) -> Any:
    """Write a note about a customer."""
    form = NoteForm()
    return _end(
        caller,
        user_id,
        form,
        lambda: customer_service().add_note(caller.token, user_id, form.text.data or ""),
        "The note is kept.",
        note=form,
    )


@desk.post("/admin/customers/<uuid:user_id>/accounts/<uuid:account_id>")
@staff_only
def change_status(caller: Caller, user_id: UUID, account_id: UUID) -> Any:
    """Freeze or unfreeze one of a customer's accounts."""
    form = AccountStatusForm()

    def save() -> Account:
        reason, is_shown = form.reason.data or "", not form.keeps_reason.data
        return account_service().change_status(
            caller.token, account_id, status=form.status.data, reason=reason, show_reason=is_shown
        )

    words = "The account is frozen." if form.status.data == "frozen" else "The account is active again."
    return _end(caller, user_id, form, save, words, status=(account_id, form))


@desk.post("/admin/customers/<uuid:user_id>/accounts/<uuid:account_id>/close")
@staff_only
def close_account(caller: Caller, user_id: UUID, account_id: UUID) -> Any:
    """Close one of a customer's accounts."""
    form = AccountClosingForm()
    reason = (form.reason.data or "").strip()
    return _end(
        caller,
        user_id,
        form,
        lambda: account_service().close_for(caller.token, account_id, reason),
        "The account is closed.",
        closing=(account_id, form),
    )


@desk.post("/admin/customers/<uuid:user_id>/unlock")
@staff_only
def unlock(caller: Caller, user_id: UUID) -> Response:
    """End a customer's lockout after too many wrong passwords."""
    customer_service().unlock(caller.token, user_id)
    return see_other("The customer can log in again.", url_for("desk.customer", user_id=user_id))


@desk.post("/admin/customers/<uuid:user_id>/password_reset")
@staff_only
def start_reset(caller: Caller, user_id: UUID) -> Any:
    """Send a customer the link for a new password."""
    form = ResetStartForm()
    reason = (form.reason.data or "").strip()
    return _end(
        caller,
        user_id,
        form,
        lambda: customer_service().start_reset(caller.token, user_id, reason),
        "A mail with a link for a new password is on its way.",
        reset=form,
    )


@desk.post("/admin/customers/<uuid:user_id>/log_out")
@staff_only
def log_out(caller: Caller, user_id: UUID) -> Response:
    """End all sessions of a customer."""
    customer_service().log_out_everywhere(caller.token, user_id)
    refuse_ended_sessions()
    return see_other("The customer is logged out everywhere.", url_for("desk.customer", user_id=user_id))


def _end(caller: Caller, user_id: UUID, form: BankForm, action: Callable[[], Any], words: str, **forms: Any) -> Any:
    """Carry out the action of a form and go back to the customer; with errors, show the page with the form."""
    if form.carried_out(action):
        return see_other(words, url_for("desk.customer", user_id=user_id))
    return _customer_page(caller, user_id, form, **forms)


def _customer_page(
    caller: Caller,
    user_id: UUID,
    form: BankForm | None = None,
    *,
    contact: ContactForm | None = None,
    note: NoteForm | None = None,
    reset: ResetStartForm | None = None,
    status: tuple[UUID, AccountStatusForm] | None = None,
    closing: tuple[UUID, AccountClosingForm] | None = None,
) -> tuple[str, int]:
    """Return the page of a customer. Of its forms, the refused one is given, also as `form`."""
    calls = _begin_calls(caller, user_id)
    shown = customer_service().details(caller.token, user_id)
    parts: dict[str, Any] = {name: result_or_none(call) for name, call in calls.items()}
    accounts = by_id(parts["accounts"].rows) if parts["accounts"] else {}
    return form_page(
        "customer_view.html",
        form or NoteForm(),
        customer=shown,
        waiting=requests_about(
            caller, person=user_id, accounts={one.id for one in accounts.values() if one.status != "closed"}
        ),
        contact=contact or _contact_form(caller, shown, formdata=None),
        note=note or NoteForm(formdata=None),
        reset=reset or ResetStartForm(formdata=None),
        status=status or (None, AccountStatusForm(formdata=None)),
        closing=closing or (None, AccountClosingForm(formdata=None)),
        mine=accounts,
        authors=_authors(caller, parts["history"].rows if parts["history"] else []),
        **parts,
    )


def _begin_calls(caller: Caller, user_id: UUID) -> dict[str, Future[Any]]:
    """Start the calls for the parts of a customer's page, by the names of the parts."""
    newest = {"limit": ROWS}
    may_answer = caller.may("cases:answer")
    return {
        "sessions": start_call(customer_service().sessions, caller.token, user_id),
        "notes": start_call(customer_service().notes, caller.token, user_id, {"limit": NOTES}),
        "accounts": start_call(account_service().list_all, caller.token, {"limit": MAX_PAGE}, user_id),
        "history": start_call(account_service().status_history_of, caller.token, user_id, {"limit": NOTES}),
        "audit": start_call(customer_service().audit, caller.token, user_id, newest),
        "recent": start_call(transaction_service().list_of_user, caller.token, user_id, newest),
        **(
            {"cases": start_call(case_service().find, caller.token, {"user_id": str(user_id), **newest})}
            if may_answer
            else {}
        ),
        "pending": start_call(
            transaction_service().list_of_user, caller.token, user_id, {**newest, "status": "pending"}
        ),
    }


def _contact_form(caller: Caller, customer: User, **options: Any) -> ContactForm:
    form = ContactForm(obj=customer, **options)
    if caller.role != "admin":
        del form.email
    return form


def _authors(caller: Caller, changes: list[Any]) -> dict[UUID, Person]:
    """Return who made these changes, by id; none while the auth service does not answer."""
    try:
        return customer_service().by_id(caller.token, {change.changed_by for change in changes if change.changed_by})
    except ServiceUnavailable:
        return {}


def _with_owners(caller: Caller, accounts: ListPage[ListedAccount] | None) -> list[tuple[Account, Person | None]]:
    if accounts is None or not accounts.rows:
        return []
    owners = result_or_none(start_call(customer_service().by_id, caller.token, {one.user_id for one in accounts.rows}))
    return [(account, (owners or {}).get(account.user_id)) for account in accounts.rows]
