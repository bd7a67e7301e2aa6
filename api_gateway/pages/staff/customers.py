"""Staff pages for customers' accounts and transactions."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request, url_for

from api_gateway.clients.account import Account, StatusChange
from api_gateway.clients.auth import Person, User
from api_gateway.clients.base import MAX_PAGE
from api_gateway.pages.common import charts
from api_gateway.pages.common.balances import CURVE_DAYS, balances
from api_gateway.pages.common.filters import AccountFilters, AllTransactionFilters, PeopleFilters, PersonSearch
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.sections import (
    account_service,
    auth_service,
    by_id,
    customer_service,
    list_page,
    result_or_none,
    start_call,
    transaction_service,
)
from api_gateway.pages.staff.admin_forms import AccountStatusForm, CustomerAccountForm
from api_gateway.pages.staff.work_queue import requests_about
from api_gateway.web import time_zones
from shared.core.errors import InvalidRequest, NotFound
from shared.web.access import Caller, staff_only

ROWS = 10
SECTION = "/admin/transactions"
staff = Blueprint("staff", __name__)


@staff.get("/admin/accounts")
@staff_only
def index(caller: Caller) -> Any:
    """List all accounts, or one customer's."""
    filters = AccountFilters()
    found = filters.found(lambda: account_service().list_all(caller.token, filters.query()))
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
    changed = form.submitted(
        lambda: account_service().change_status(
            caller.token,
            account_id,
            status=form.status.data,
            reason=form.reason.data or "",
            show_reason=not form.keeps_reason.data,
        )
    )
    if changed is None:
        return _account_page(caller, account_id, form)
    return see_other(f"The account is now {changed.status}.", url_for("staff.account", account_id=account_id))


@staff.route("/admin/accounts/create", methods=["GET", "POST"])
@staff_only
def create(caller: Caller) -> Any:
    """Open an account for a customer, after a search for the customer."""
    form = CustomerAccountForm(data={"user_id": request.args.get("user_id")})
    opened = form.submitted(
        lambda: account_service().open_for(
            caller.token,
            UUID(form.user_id.data),
            account_type=form.account_type.data,
            nickname=form.nickname.data or None,
            idempotency_key=form.idempotency_key.data or "",
        )
    )
    if opened:
        return see_other(f"{opened.name} is open.", url_for("staff.account", account_id=opened.id))
    user_id = _user_in_address()
    search = PeopleFilters() if caller.role == "admin" else PersonSearch()
    return form_page(
        "account_create.html",
        form,
        search=search,
        owner=_owner(caller, user_id),
        existing=account_service().list_all(caller.token, {"limit": MAX_PAGE}, user_id).rows if user_id else [],
        found=search.found(lambda: _people(caller, search)) if search.is_used and not user_id else None,
        user_id=user_id,
    )


@staff.get("/admin/transactions")
@staff_only
def payments(caller: Caller) -> Any:
    """List all transactions of the bank."""
    filters = AllTransactionFilters()
    found = filters.found(lambda: transaction_service().list_all(caller.token, filters.query()))
    return list_page("admin_transactions.html", filters, found=found, mine={})


@staff.get("/admin/transactions/<uuid:transaction_id>")
@staff_only
def payment(caller: Caller, transaction_id: UUID) -> str:
    """Show any transaction, and whether a request to undo it waits for a second person."""
    own_call = start_call(account_service().list_own, caller.token)
    transaction = transaction_service().details(caller.token, transaction_id)
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
    transaction = transaction_service().details(caller.token, transaction_id)
    return render_template("transaction_detail.html", transaction=transaction, mine={}, section=SECTION)


def _account_page(caller: Caller, account_id: UUID, form: AccountStatusForm) -> tuple[str, int]:
    since = time_zones.today() - timedelta(days=CURVE_DAYS)
    history_call = start_call(
        account_service().history,
        caller.token,
        account_id,
        {**time_zones.days_since(since), "limit": MAX_PAGE},
    )
    recent_call = start_call(transaction_service().list_of_account, caller.token, account_id, {"limit": ROWS})
    shown = account_service().details(caller.token, account_id)
    history = history_call.result()
    recent = result_or_none(recent_call)
    return form_page(
        "account_view.html",
        form,
        account=shown,
        owner=_owner(caller, shown.user_id),
        waiting=requests_about(caller, accounts={account_id}),
        status_history=_status_history(caller, shown),
        picture=charts.curve(balances(shown, history, since, time_zones.page_zone()), shown.currency),
        recent=recent and recent.rows,
        mine={shown.id: shown},
    )


def _status_history(caller: Caller, account: Account) -> list[tuple[StatusChange, str]] | None:
    """Return the status changes of an account with their authors' names; None for the caller's own account."""
    if account.user_id == caller.user_id:
        return None
    changes = account_service().status_history(caller.token, account.id, {"limit": ROWS}).rows
    names = {person.id: person.name for person in _people_by_id(caller, (one.changed_by for one in changes)).values()}
    return [(change, names.get(change.changed_by or UUID(int=0), "somebody of the staff")) for change in changes]


def _people_by_id(caller: Caller, user_ids: Iterable[UUID | None]) -> dict[UUID, Person]:
    """Return these users by their ids; none while the auth service does not answer."""
    wanted = {user_id for user_id in user_ids if user_id}
    return result_or_none(start_call(customer_service().by_id, caller.token, wanted)) or {}


def _people(caller: Caller, search: PeopleFilters | PersonSearch) -> list[User] | list[Person]:
    """Search for users: by a part of their names for admins, by exact username or e-mail for employees."""
    if isinstance(search, PeopleFilters):
        return auth_service().users(caller.token, search.query(ROWS)).rows
    try:
        return [auth_service().look_up(caller.token, **search.named)]
    except NotFound:
        return []


def _owner(caller: Caller, user_id: UUID | None) -> User | Person | None:
    """Return the owner of an account, with the fields that the caller's role may see; None if unknown."""
    if user_id is None:
        return None
    if caller.role == "admin":
        return result_or_none(start_call(auth_service().user, caller.token, user_id))
    return result_or_none(start_call(auth_service().look_up, caller.token, user_id=user_id))


def _user_in_address() -> UUID | None:
    """Return the `user_id` in the query string, or None. Raises InvalidRequest when it is no UUID."""
    text = request.args.get("user_id")
    try:
        return UUID(text) if text else None
    except ValueError:
        raise InvalidRequest from None
