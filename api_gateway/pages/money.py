"""Pages for deposits, withdrawals and transfers."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask import Blueprint, redirect, request, url_for
from markupsafe import Markup
from pydantic_core import to_json
from werkzeug.wrappers import Response

from api_gateway.clients.account import Account
from api_gateway.clients.transaction import Transaction
from api_gateway.pages.common.money_forms import (
    OwnAccountForm,
    PaymentForm,
    ReviewedTransferForm,
    TransferForm,
    draft_in_address,
    seal_draft,
)
from api_gateway.pages.common.responses import form_page, see_payment
from api_gateway.pages.common.services import Services
from api_gateway.web.browser_session import caller_at_browser
from shared.core.errors import Refused
from shared.core.formats import private_money
from shared.web.access import Caller, private

DRAFT = "transfer"
money = Blueprint("money", __name__)


class NotEnoughMoney(Refused):
    """400: an early check before the payee is looked up; the ledger decides when the money moves."""

    code = "INSUFFICIENT_FUNDS"
    message = "There is not enough money in the account. Enter a smaller amount, or pay money in first."


@dataclass(frozen=True)
class Review:
    """What a transfer will do. The payee's name is masked unless it is the caller; `left` remains in `source`.

    With a `name_match` the payer has typed a name; the payee's is None if it does not match.
    """

    source: Account
    payee_name: str | None
    payee_number: str
    left: Decimal
    name_match: str | None = None


@money.route("/transactions/deposit", methods=["GET", "POST"])
@private
def deposit(caller: Caller) -> Any:
    """Deposit money into an account."""
    return _single_account_page(caller, "deposit", "Deposited")


@money.route("/transactions/withdraw", methods=["GET", "POST"])
@private
def withdraw(caller: Caller) -> Any:
    """Withdraw money from an account."""
    return _single_account_page(caller, "withdraw", "Withdrew")


@money.route("/transactions/transfer", methods=["GET", "POST"])
@private
def transfer(caller: Caller) -> Any:
    """Show the transfer form; a valid one leads to the review."""
    own = Services(caller).accounts.list_own()
    form = TransferForm(own, draft_in_address(caller, DRAFT))
    reviewed = form.submitted(lambda: _build_review(caller, form, own, needs_funds=True))
    if reviewed is None:
        return form_page("transfer.html", form, accounts=own)
    return redirect(url_for("money.review", draft=seal_draft(caller, DRAFT, form.draft)), 303)


@money.route("/transactions/transfer/review", methods=["GET", "POST"])
@private
def review(caller: Caller) -> Any:
    """Show payee and amount, and pay on confirmation.

    The address carries the draft with its idempotency key. So the page survives reloads and the back button, and pays
    once however often it is confirmed.
    """
    draft = draft_in_address(caller, DRAFT)
    own = Services(caller).accounts.list_own()
    if request.method == "POST":
        form = TransferForm(own)
        transaction = form.submitted(lambda: form.confirmed(caller, lambda caller: _pay(caller, "transfer", form)))
        if transaction:
            return _see_paid(transaction, "Transferred")
        is_shown, caller = form.outcome_is_open or form.needs_code, caller_at_browser()
    elif draft is None:
        return redirect(url_for("money.transfer"), 303)
    else:
        form = ReviewedTransferForm(own, draft)
        is_shown = form.validate()
    shown = form.attempted(lambda: _build_review(caller, form, own)) if is_shown else None
    if shown is None:
        return form_page("transfer.html", form, accounts=own)
    return form_page("transfer_review.html", form, review=shown, change=seal_draft(caller, DRAFT, form.draft))


@money.get("/transactions/payee")
@private
def payee(caller: Caller) -> Response:
    """Return the masked payee of an account number, which the transfer form shows while the number is typed."""
    name = request.args.get("name", "").strip() or None
    found = Services(caller).accounts.look_up(request.args.get("account_number", ""), name)
    return Response(to_json(found, exclude_none=True), content_type="application/json")


def _single_account_page(caller: Caller, kind: str, word: str) -> Any:
    own = Services(caller).accounts.list_own()
    form = OwnAccountForm(own)
    transaction = form.submitted(lambda: _pay(caller, kind, form))
    if transaction is None:
        return form_page(f"{kind}.html", form, accounts=own)
    return _see_paid(transaction, word)


def _see_paid(transaction: Transaction, word: str) -> Response:
    amount = private_money(transaction.amount, transaction.currency)
    return see_payment(transaction, Markup("{} {}.").format(word, amount))


def _build_review(caller: Caller, form: TransferForm, own: list[Account], *, needs_funds: bool = False) -> Review:
    """Build the review of a transfer. Raises NotFound for an unknown payee, and NotEnoughMoney if it `needs_funds`."""
    by_id = {str(account.id): account for account in own}
    source = by_id[form.from_account_id.data]
    left = source.balance - form.amount.data
    if needs_funds and left < 0:
        raise NotEnoughMoney
    if form.to_account_id.data:
        target = by_id[form.to_account_id.data]
        return Review(source, target.name, target.masked_number, left)
    number = form.to_account_number.data or ""
    typed = form.payee_name.data or None
    payee = Services(caller).accounts.look_up(number, typed)
    return Review(source, payee.owner_name, number, left, payee.name_match)


def _pay(caller: Caller, kind: str, form: PaymentForm) -> Transaction:
    return Services(caller).transactions.pay(kind, form.body, idempotency_key=form.key)
