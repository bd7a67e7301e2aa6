"""Paying money in, drawing it out, and sending it on."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from pydantic_core import to_json
from werkzeug.wrappers import Response

from api_gateway.gateway_pages import form_page
from api_gateway.gateway_schemas import Account, Transaction
from api_gateway.money_forms import OwnAccountForm, PaymentForm, TransferForm
from api_gateway.section_pages import account_service, transaction_service
from shared.access import Caller, private
from shared.errors import Refused
from shared.formats import money as formatted

money = Blueprint("money", __name__)


class NotEnough(Refused):
    """Said before the payee is looked up; the account service decides when the money moves."""

    code = "INSUFFICIENT_FUNDS"
    message = "There is not enough money in the account."


@dataclass(frozen=True)
class Review:
    """What a transfer will do, to be confirmed. The name of somebody else is masked. `left` stays on the source."""

    source: Account
    payee_name: str
    payee_number: str
    left: Decimal


@money.route("/transactions/deposit", methods=["GET", "POST"])
@private
def deposit(caller: Caller) -> Any:
    """Pay money into an account."""
    return _one_account(caller, "deposit", "Deposited")


@money.route("/transactions/withdraw", methods=["GET", "POST"])
@private
def withdraw(caller: Caller) -> Any:
    """Draw money from an account."""
    return _one_account(caller, "withdraw", "Withdrew")


@money.route("/transactions/transfer", methods=["GET", "POST"])
@private
def transfer(caller: Caller) -> Any:
    """Send money to another account: the form, then who gets what, then the payment once it is confirmed."""
    own = account_service().list_own(caller.token)
    form = TransferForm(own)
    if request.form.get("step") == "change":
        return form_page("transfer.html", form, accounts=own)
    result = form.submitted(lambda: _next_step(caller, form, own))
    if isinstance(result, Transaction):
        return paid(result, f"Transferred {formatted(result.amount, result.currency)}.")
    if isinstance(result, Review):
        return render_template("transfer_review.html", form=form, review=result)
    return form_page("transfer.html", form, accounts=own)


@money.get("/transactions/payee")
@private
def payee(caller: Caller) -> Response:
    """Whose account number it is, masked, for the transfer form to show while one types."""
    found = account_service().look_up(caller.token, request.args.get("account_number", ""))
    return Response(to_json(found), content_type="application/json")


def paid(transaction: Transaction, message: str) -> Response:
    """The end of a payment: 303 to the transaction, with a word on what came of it."""
    if transaction.status == "pending":
        flash("Your payment is on its way. It will settle within moments; there is no need to send it again.", "info")
    else:
        flash(message, "success")
    return redirect(url_for("transactions.details", transaction_id=transaction.id), 303)


def _one_account(caller: Caller, kind: str, word: str) -> Any:
    own = account_service().list_own(caller.token)
    form = OwnAccountForm(own)
    transaction = form.submitted(lambda: _pay(caller, kind, form))
    if transaction is None:
        return form_page(f"{kind}.html", form, accounts=own)
    return paid(transaction, f"{word} {formatted(transaction.amount, transaction.currency)}.")


def _next_step(caller: Caller, form: TransferForm, own: list[Account]) -> Transaction | Review:
    """The payment, when it was confirmed, else what there is to confirm."""
    if request.form.get("step") == "confirm":
        return _pay(caller, "transfer", form)
    by_id = {str(account.id): account for account in own}
    source = by_id[form.from_account_id.data]
    left = source.balance - Decimal(form.amount.data or 0)
    if left < 0:
        raise NotEnough
    if form.to_account_id.data:
        target = by_id[form.to_account_id.data]
        return Review(source, target.name, target.masked_number, left)
    number = form.to_account_number.data or ""
    return Review(source, account_service().look_up(caller.token, number).owner_name, number, left)


def _pay(caller: Caller, kind: str, form: PaymentForm) -> Transaction:
    return transaction_service().pay(caller.token, kind, form.body, idempotency_key=form.idempotency_key.data or "")
