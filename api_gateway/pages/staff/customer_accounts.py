"""Staff pages for customers' accounts and transactions."""

from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request, url_for

from api_gateway.clients.account import Account, StatusChange, by_id
from api_gateway.clients.auth import Person, User
from api_gateway.clients.base import MAX_PAGE
from api_gateway.pages.common.balances import balance_curve, start_history
from api_gateway.pages.common.filters import (
    AccountFilters,
    AllTransactionFilters,
    PeopleFilters,
    PersonSearch,
    filtered_list,
    list_page,
)
from api_gateway.pages.common.responses import form_page, see_other, uuid_in_address
from api_gateway.pages.common.services import Services, or_none, people_by_id, result_or_none, start_call
from api_gateway.pages.staff.admin_forms import AccountStatusForm, CustomerAccountForm
from api_gateway.pages.staff.work_queue import requests_about
from shared.core.errors import NotFound
from shared.web.access import Caller, staff_only

ROWS = 10
SECTION = "/admin/transactions"
staff = Blueprint("staff", __name__)


@staff.get("/admin/accounts")
@staff_only
def index(caller: Caller) -> Any:
    """List all accounts, or one customer's."""
    filters = AccountFilters()
    found = filters.found(lambda: Services(caller).accounts.list_all(filters.query()))
    owner = _owner(caller, UUID(filters.user_id.data)) if found and filters.user_id.data else None
    return list_page("admin_accounts.html", filters, found=found, owner=owner)


@staff.get("/admin/accounts/<uuid:account_id>")
@staff_only
def account(caller: Caller, account_id: UUID) -> Any:
    """Show a customer's account."""
    return _account_page(caller, account_id, AccountStatusForm())


@staff.post("/admin/accounts/<uuid:account_id>")
@staff_only
def change(caller: Caller, account_id: UUID) -> Any:
    """Freeze or unfreeze an account."""
    form = AccountStatusForm()
    changed = form.submitted(lambda: form.save(caller, account_id))
    if changed is None:
        return _account_page(caller, account_id, form)
    return see_other(f"The account is now {changed.status}.", url_for("staff.account", account_id=account_id))


@staff.route("/admin/accounts/create", methods=["GET", "POST"])
@staff_only
def create(caller: Caller) -> Any:
    """Open an account for a customer, after a search for the customer."""
    form = CustomerAccountForm(data={"user_id": request.args.get("user_id")})
    opened = form.submitted(lambda: _open(caller, form))
    if opened:
        return see_other(f"{opened.name} is open.", url_for("staff.account", account_id=opened.id))
    user_id = uuid_in_address("user_id")
    search = PeopleFilters() if caller.role == "admin" else PersonSearch()
    return form_page(
        "admin_account_create.html",
        form,
        search=search,
        owner=_owner(caller, user_id),
        existing=Services(caller).accounts.list_all({"limit": MAX_PAGE}, user_id).rows if user_id else [],
        found=search.found(lambda: _people(caller, search)) if search.is_used and not user_id else None,
        user_id=user_id,
    )


@staff.get("/admin/transactions")
@staff_only
def payments(caller: Caller) -> Any:
    """List all transactions of the bank."""
    find = Services(caller).transactions.list_all
    return filtered_list("admin_transactions.html", AllTransactionFilters(), find, mine={})


@staff.get("/admin/transactions/<uuid:transaction_id>")
@staff_only
def payment(caller: Caller, transaction_id: UUID) -> str:
    """Show any transaction, and whether a request to undo it waits for a second person."""
    own_call = start_call(Services(caller).accounts.list_own)
    transaction = Services(caller).transactions.details(transaction_id)
    is_own = transaction.direction(by_id(own_call.result())) != "past"
    return render_template(
        "transaction_details.html",
        transaction=transaction,
        mine={},
        section=SECTION,
        is_own=is_own,
        waiting=requests_about(caller, transaction=transaction.id),
    )


@staff.get("/admin/transactions/<uuid:transaction_id>/receipt")
@staff_only
def receipt(caller: Caller, transaction_id: UUID) -> str:
    """Show a printable receipt of any transaction."""
    transaction = Services(caller).transactions.details(transaction_id)
    return render_template("receipt.html", transaction=transaction, mine={}, section=SECTION)


def _open(caller: Caller, form: CustomerAccountForm) -> Account:
    return Services(caller).accounts.open(
        account_type=form.account_type.data,
        nickname=(form.nickname.data or "").strip() or None,
        idempotency_key=form.key,
        user_id=UUID(form.user_id.data),
    )


def _account_page(caller: Caller, account_id: UUID, form: AccountStatusForm) -> tuple[str, int]:
    history_call = start_history(caller, account_id)
    recent_call = start_call(Services(caller).transactions.list_of_account, account_id, {"limit": ROWS})
    shown = Services(caller).accounts.details(account_id)
    history = history_call.result()
    recent = result_or_none(recent_call)
    return form_page(
        "admin_account.html",
        form,
        account=shown,
        owner=_owner(caller, shown.user_id),
        waiting=requests_about(caller, accounts={account_id}),
        status_history=_status_history(caller, shown),
        picture=balance_curve(shown, history),
        recent=recent and recent.rows,
        mine={shown.id: shown},
    )


def _status_history(caller: Caller, account: Account) -> list[tuple[StatusChange, str]] | None:
    """Return the status changes of an account with their authors' names; None for the caller's own account."""
    if account.user_id == caller.user_id:
        return None
    changes = Services(caller).accounts.status_history(account.id, {"limit": ROWS}).rows
    authors = people_by_id(caller, (one.changed_by for one in changes))
    names = {user_id: author.name for user_id, author in authors.items()}
    return [(change, names.get(change.changed_by or UUID(int=0), "somebody of the staff")) for change in changes]


def _people(caller: Caller, search: PeopleFilters | PersonSearch) -> list[User] | list[Person]:
    """Search for users: by a part of their names for admins, by exact username or e-mail for employees."""
    if isinstance(search, PeopleFilters):
        return Services(caller).auth.users(search.query(ROWS)).rows
    try:
        return [Services(caller).auth.look_up(**search.named)]
    except NotFound:
        return []


def _owner(caller: Caller, user_id: UUID | None) -> User | Person | None:
    """Return the owner of an account, with the fields that the caller's role may see; None if unknown."""
    if user_id is None:
        return None
    if caller.role == "admin":
        return or_none(Services(caller).auth.user, user_id)
    return or_none(Services(caller).auth.look_up, user_id=user_id)
