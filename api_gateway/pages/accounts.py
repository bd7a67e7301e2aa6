"""Pages for the caller's own accounts: list, details, opening, closing."""

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response
from wtforms import RadioField, StringField
from wtforms.validators import InputRequired, Optional

from api_gateway.clients.account import ACCOUNT_TYPES, Account, by_id
from api_gateway.pages.common.balances import balance_curve, start_history
from api_gateway.pages.common.filters import AccountTransactionFilters, list_page
from api_gateway.pages.common.forms import BankForm, at_most, options
from api_gateway.pages.common.money_forms import AmountField, MoneyForm
from api_gateway.pages.common.responses import form_page, see_other
from api_gateway.pages.common.services import Services, or_none, start_call
from shared.core.errors import AppError
from shared.core.formats import private_money
from shared.http.client import NoAnswer
from shared.web.access import Caller, private

accounts = Blueprint("accounts", __name__)


class OpenAccountForm(MoneyForm):
    """The type and nickname of a new account, and its opening deposit."""

    account_type = RadioField(
        "Kind of account",
        [InputRequired("Choose a kind of account.")],
        choices=options(ACCOUNT_TYPES),
        default="checking",
    )
    nickname = StringField("Nickname", [at_most(50)])
    initial_deposit = AmountField("Opening deposit", [Optional()])


@accounts.get("/accounts")
@private
def index(caller: Caller) -> str:
    """List the caller's accounts."""
    return render_template("accounts.html", accounts=Services(caller).accounts.list_own())


@accounts.route("/accounts/create", methods=["GET", "POST"])
@private
def create(caller: Caller) -> Any:
    """Open an account, with an optional opening deposit."""
    form = OpenAccountForm()
    account = form.submitted(lambda: _open(caller, form))
    if account is None:
        return form_page("account_create.html", form)
    return _redirect_to_opened(caller, account, form)


@accounts.get("/accounts/<uuid:account_id>")
@private
def details(caller: Caller, account_id: UUID) -> Any:
    """Show an account: its number, the curve of its balance, and its transactions."""
    filters = AccountTransactionFilters()
    account_call = start_call(Services(caller).accounts.details, account_id)
    own_call = start_call(Services(caller).accounts.list_own)
    history_call = start_history(caller, account_id)
    found = filters.found(lambda: Services(caller).transactions.list_of_account(account_id, filters.query()))
    account, history = account_call.result(), history_call.result()
    if account.user_id != caller.user_id:
        return redirect(url_for("staff.account", account_id=account_id), 303)
    return list_page(
        "account_details.html",
        filters,
        account=account,
        found=found,
        freeze=or_none(Services(caller).accounts.freeze, account_id) if account.status == "frozen" else None,
        mine={account.id: account},
        own=by_id(own_call.result()),
        picture=balance_curve(account, history),
    )


@accounts.route("/accounts/<uuid:account_id>/close", methods=["GET", "POST"])
@private
def close(caller: Caller, account_id: UUID) -> Any:
    """Close an account permanently, after a page that explains the consequences."""
    account = Services(caller).accounts.details(account_id)
    form = BankForm()
    closed = form.submitted(lambda: Services(caller).accounts.close(account_id))
    if closed is None:
        return form_page("account_close.html", form, account=account)
    return see_other(f"{account.name} is closed.", url_for("accounts.index"))


def _open(caller: Caller, form: OpenAccountForm) -> Account:
    return Services(caller).accounts.open(
        account_type=form.account_type.data,
        nickname=(form.nickname.data or "").strip() or None,
        idempotency_key=form.key,
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
    try:
        transaction = Services(caller).transactions.pay("deposit", body, idempotency_key=form.key)
    except AppError as error:
        if isinstance(error, NoAnswer) and error.may_have_arrived:
            return "warning", "We can't tell yet whether the opening deposit arrived: look again in a moment."
        return "warning", f"The opening deposit was not made: {error.message}"
    if transaction.status == "pending":
        return "info", "The opening deposit is on its way and will settle within moments."
    amount = private_money(transaction.amount, transaction.currency)
    return "success", Markup("The opening deposit of {} is booked.").format(amount)
