"""Pages for the caller's own accounts: list, details, opening, closing."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from api_gateway.clients.account import Account
from api_gateway.clients.base import MAX_PAGE
from api_gateway.pages.account_forms import CloseAccountForm, OpenAccountForm
from api_gateway.pages.common import charts
from api_gateway.pages.common.balances import CURVE_DAYS, balances
from api_gateway.pages.common.filters import AccountTransactionFilters
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.sections import (
    account_service,
    by_id,
    list_page,
    result_or_none,
    start_call,
    transaction_service,
)
from api_gateway.web import time_zones
from shared.core.errors import AppError
from shared.core.formats import private_money
from shared.http.client import NoAnswer
from shared.web.access import Caller, private

accounts = Blueprint("accounts", __name__)


@accounts.get("/accounts")
@private
def index(caller: Caller) -> str:
    """List the caller's accounts."""
    return render_template("accounts.html", accounts=account_service().list_own(caller.token))


@accounts.route("/accounts/create", methods=["GET", "POST"])
@private
def create(caller: Caller) -> Any:
    """Open an account, with an optional opening deposit."""
    form = OpenAccountForm()
    account = form.submitted(lambda: _open(caller, form))
    if account is None:
        return form_page("create_account.html", form)
    return _redirect_to_opened(caller, account, form)


@accounts.get("/accounts/<uuid:account_id>")
@private
def details(caller: Caller, account_id: UUID) -> Any:
    """Show an account: its number, the curve of its balance, and its transactions."""
    filters = AccountTransactionFilters()
    since = time_zones.today() - timedelta(days=CURVE_DAYS)
    account_call = start_call(account_service().details, caller.token, account_id)
    own_call = start_call(account_service().list_own, caller.token)
    entries_call = start_call(
        account_service().history,
        caller.token,
        account_id,
        {**time_zones.days_since(since), "limit": MAX_PAGE},
    )
    found = filters.found(lambda: transaction_service().list_of_account(caller.token, account_id, filters.query()))
    account, history = account_call.result(), entries_call.result()
    if account.user_id != caller.user_id:
        return redirect(url_for("staff.account", account_id=account_id), 303)
    is_frozen = account.status == "frozen"
    return list_page(
        "account_details.html",
        filters,
        account=account,
        found=found,
        freeze=result_or_none(start_call(account_service().freeze, caller.token, account_id)) if is_frozen else None,
        mine={account.id: account},
        own=by_id(own_call.result()),
        picture=charts.curve(balances(account, history, since, time_zones.page_zone()), account.currency),
    )


@accounts.route("/accounts/<uuid:account_id>/close", methods=["GET", "POST"])
@private
def close(caller: Caller, account_id: UUID) -> Any:
    """Close an account permanently, after a page that explains the consequences."""
    account = account_service().details(caller.token, account_id)
    form = CloseAccountForm()
    closed = form.submitted(lambda: account_service().close(caller.token, account_id))
    if closed is None:
        return form_page("account_close.html", form, account=account)
    return see_other(f"{account.name} is closed.", url_for("accounts.index"))


def _open(caller: Caller, form: OpenAccountForm) -> Account:
    return account_service().open(
        caller.token,
        account_type=form.account_type.data,
        nickname=form.nickname.data or None,
        idempotency_key=form.idempotency_key.data or "",
    )


def _redirect_to_opened(caller: Caller, account: Account, form: OpenAccountForm) -> Response:
    """Make the opening deposit, if any, and redirect to the new account with a message on its outcome.

    The account stays open whatever becomes of the deposit.
    """
    location = url_for("accounts.details", account_id=account.id)
    if not form.initial_deposit.data:
        return see_other(f"{account.name} is open.", location)
    category, message = _deposit(caller, account, form)
    flash(Markup("{} is open. {}").format(account.name, message), category)
    return redirect(location, 303)


def _deposit(caller: Caller, account: Account, form: OpenAccountForm) -> tuple[str, str]:
    body: dict[str, object] = {
        "account_id": account.id,
        "amount": str(form.initial_deposit.data),
        "description": "Opening deposit",
    }
    key = form.idempotency_key.data or ""
    try:
        transaction = transaction_service().pay(caller.token, "deposit", body, idempotency_key=key)
    except NoAnswer as error:
        if error.may_have_arrived:
            return "warning", "We can't tell yet whether the opening deposit arrived: look again in a moment."
        return "warning", f"The opening deposit was not made: {error.message}"
    except AppError as error:
        return "warning", f"The opening deposit was not made: {error.message}"
    if transaction.status == "pending":
        return "info", "The opening deposit is on its way and will settle within moments."
    amount = private_money(transaction.amount, transaction.currency)
    return "success", Markup("The opening deposit of {} is booked.").format(amount)
