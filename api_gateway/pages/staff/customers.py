"""Staff pages for customers: the search, and one page with the data of a customer and the actions on them."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from uuid import UUID

from flask import Blueprint, url_for
from werkzeug.wrappers import Response

from api_gateway.clients.account import Account, ListedAccount, by_id
from api_gateway.clients.auth import Person, User
from api_gateway.clients.base import MAX_PAGE, ListPage
from api_gateway.pages.common.filters import CustomerFilters, list_page
from api_gateway.pages.common.forms import BankForm
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.services import Services, people_by_id, result_or_none, start_call
from api_gateway.pages.staff.admin_forms import (
    AccountStatusForm,
    ContactForm,
    NoteForm,
    ProvenReasonForm,
    ReasonForm,
)
from api_gateway.pages.staff.work_queue import requests_about
from api_gateway.web.browser_session import refuse_ended_sessions
from shared.web.access import Caller, staff_only

ROWS = 10
NOTES = 20
customers = Blueprint("customers", __name__)


@customers.get("/admin/customers")
@staff_only
def index(caller: Caller) -> Any:
    """Find customers by name or contact data, or by the number of one of their accounts."""
    filters = CustomerFilters()
    digits = filters.account_digits
    list_all = Services(caller).accounts.list_all
    accounts_call = start_call(list_all, {"q": digits, "limit": ROWS}) if digits else None
    found = filters.found(lambda: Services(caller).customers.find(filters.query()))
    accounts = result_or_none(accounts_call) if accounts_call else None
    return list_page("admin_customers.html", filters, found=found, accounts=_with_owners(caller, accounts))


@customers.get("/admin/customers/<uuid:user_id>")
@staff_only
def customer(caller: Caller, user_id: UUID) -> Any:
    """Show a customer with their data, accounts and notes, and the actions on them."""
    return _customer_page(caller, user_id)


@customers.post("/admin/customers/<uuid:user_id>/contact")
@staff_only
def correct(caller: Caller, user_id: UUID) -> Any:
    """Correct a customer's contact data."""
    present = Services(caller).customers.details(user_id)
    form = _contact_form(caller, present)

    def save() -> None:
        if changes := form.changes(present):
            Services(caller).customers.correct(user_id, changes)

    return _end(caller, user_id, form, save, "The contact data are saved.", contact=form)


@customers.post("/admin/customers/<uuid:user_id>/notes")
@staff_only
def add_note(caller: Caller, user_id: UUID) -> Any:
    """Write a note about a customer."""
    form = NoteForm()

    def save() -> None:
        Services(caller).customers.add_note(user_id, form.text.data or "")

    return _end(caller, user_id, form, save, "The note is kept.", note=form)


@customers.post("/admin/customers/<uuid:user_id>/accounts/<uuid:account_id>")
@staff_only
def change_status(caller: Caller, user_id: UUID, account_id: UUID) -> Any:
    """Freeze or unfreeze one of a customer's accounts."""
    form = AccountStatusForm()
    words = "The account is frozen." if form.status.data == "frozen" else "The account is active again."
    return _end(caller, user_id, form, lambda: form.save(caller, account_id), words, status=(account_id, form))


@customers.post("/admin/customers/<uuid:user_id>/accounts/<uuid:account_id>/close")
@staff_only
def close_account(caller: Caller, user_id: UUID, account_id: UUID) -> Any:
    """Close one of a customer's accounts."""
    form = ReasonForm()

    def close() -> Account:
        return Services(caller).accounts.close_for(account_id, form.text)

    return _end(caller, user_id, form, close, "The account is closed.", closing=(account_id, form))


@customers.post("/admin/customers/<uuid:user_id>/unlock")
@staff_only
def unlock(caller: Caller, user_id: UUID) -> Response:
    """End a customer's lockout after too many wrong passwords."""
    Services(caller).customers.unlock(user_id)
    return see_other("The customer can log in again.", url_for("customers.customer", user_id=user_id))


@customers.post("/admin/customers/<uuid:user_id>/password_reset")
@staff_only
def start_reset(caller: Caller, user_id: UUID) -> Any:
    """Send a customer the link for a new password."""
    form = ProvenReasonForm()

    def send() -> None:
        Services(caller).customers.start_reset(user_id, form.text)

    return _end(caller, user_id, form, send, "A mail with a link for a new password is on its way.", reset=form)


@customers.post("/admin/customers/<uuid:user_id>/log_out")
@staff_only
def log_out(caller: Caller, user_id: UUID) -> Response:
    """End all sessions of a customer."""
    Services(caller).customers.log_out_everywhere(user_id)
    refuse_ended_sessions()
    return see_other("The customer is logged out everywhere.", url_for("customers.customer", user_id=user_id))


def _end(caller: Caller, user_id: UUID, form: BankForm, action: Callable[[], Any], words: str, **forms: Any) -> Any:
    """Carry out the action of a form and go back to the customer; with errors, show the page with the form."""
    if form.carried_out(action):
        return see_other(words, url_for("customers.customer", user_id=user_id))
    return _customer_page(caller, user_id, form, **forms)


def _customer_page(caller: Caller, user_id: UUID, form: BankForm | None = None, **refused: Any) -> tuple[str, int]:
    """Return the page of a customer. Of its forms, the refused one is given by its name, also as `form`."""
    calls = _begin_calls(caller, user_id)
    shown = Services(caller).customers.details(user_id)
    parts: dict[str, Any] = {name: result_or_none(call) for name, call in calls.items()}
    accounts = by_id(parts["accounts"].rows) if parts["accounts"] else {}
    unclosed = {one.id for one in accounts.values() if one.status != "closed"}
    changes = parts["history"].rows if parts["history"] else []
    fresh = {
        "contact": _contact_form(caller, shown, formdata=None),
        "note": NoteForm(formdata=None),
        "reset": ProvenReasonForm(formdata=None),
        "status": (None, AccountStatusForm(formdata=None)),
        "closing": (None, ReasonForm(formdata=None)),
    }
    return form_page(
        "admin_customer.html",
        form or NoteForm(),
        customer=shown,
        waiting=requests_about(caller, person=user_id, accounts=unclosed),
        mine=accounts,
        authors=people_by_id(caller, (change.changed_by for change in changes)),
        **parts,
        **(fresh | refused),
    )


def _begin_calls(caller: Caller, user_id: UUID) -> dict[str, Future[Any]]:
    """Start the calls for the parts of a customer's page, by the names of the parts."""
    services, newest = Services(caller), {"limit": ROWS}
    list_of_user = services.transactions.list_of_user
    calls: dict[str, Future[Any]] = {
        "sessions": start_call(services.customers.sessions, user_id),
        "notes": start_call(services.customers.notes, user_id, {"limit": NOTES}),
        "accounts": start_call(services.accounts.list_all, {"limit": MAX_PAGE}, user_id),
        "history": start_call(services.accounts.status_history_of, user_id, {"limit": NOTES}),
        "audit": start_call(services.customers.audit, user_id, newest),
        "recent": start_call(list_of_user, user_id, newest),
        "pending": start_call(list_of_user, user_id, {**newest, "status": "pending"}),
    }
    if caller.may("cases:answer"):
        calls["cases"] = start_call(services.cases.find, {"user_id": str(user_id), **newest})
    return calls


def _contact_form(caller: Caller, customer: User, **options: Any) -> ContactForm:
    form = ContactForm(obj=customer, **options)
    if caller.role != "admin":
        del form.email
    return form


def _with_owners(caller: Caller, accounts: ListPage[ListedAccount] | None) -> list[tuple[Account, Person | None]]:
    rows = accounts.rows if accounts else []
    owners = people_by_id(caller, (account.user_id for account in rows))
    return [(account, owners.get(account.user_id)) for account in rows]
