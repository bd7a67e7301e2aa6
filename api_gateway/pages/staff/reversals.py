"""Pages for reversals and for paying out money in the suspense account."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from flask import Blueprint

from api_gateway.clients.account import Account, by_id
from api_gateway.clients.base import MAX_PAGE
from api_gateway.pages.common.filters import SuspenseFilters, filtered_list
from api_gateway.pages.common.responses import form_page, see_payment
from api_gateway.pages.common.services import Services, start_call
from api_gateway.pages.staff.admin_forms import PayOutForm, ReversalForm
from shared.core.errors import NotFound
from shared.web.access import Caller, admin_only, staff_only

reversals = Blueprint("reversals", __name__)


@reversals.route("/admin/transactions/<uuid:transaction_id>/reverse", methods=["GET", "POST"])
@admin_only
def reverse(caller: Caller, transaction_id: UUID) -> Any:
    """Reverse a transaction, after a page that explains it and asks where the money goes."""
    own_call = start_call(Services(caller).accounts.list_own)
    transaction = Services(caller).transactions.details(transaction_id)
    source = _account(caller, transaction.source_id)
    closed = source if source and not source.is_active else None
    form = ReversalForm(_active(caller, closed.user_id) if closed else None)
    reversal = form.submitted(
        lambda: Services(caller).transactions.reverse(transaction_id, form.body, idempotency_key=form.key)
    )
    if reversal:
        return see_payment(reversal, "The transaction is reversed.", "staff.payment")
    is_own = transaction.direction(by_id(own_call.result())) != "past"
    return form_page("admin_reverse.html", form, transaction=transaction, mine={}, is_own=is_own, closed=closed)


@reversals.get("/admin/suspense")
@staff_only
def suspense(caller: Caller) -> Any:
    """List money in the suspense account."""
    return filtered_list("admin_suspense.html", SuspenseFilters(), Services(caller).transactions.list_suspense)


@reversals.route("/admin/suspense/<uuid:transaction_id>", methods=["GET", "POST"])
@admin_only
def pay_out(caller: Caller, transaction_id: UUID) -> Any:
    """Pay money in the suspense account out to an account of its customer."""
    held = Services(caller).transactions.details(transaction_id)
    if held.reverses is None:
        raise NotFound
    original = Services(caller).transactions.details(held.reverses)
    closed = _account(caller, original.source_id)
    if closed is None:
        raise NotFound
    form = PayOutForm(_active(caller, closed.user_id))
    payout = form.submitted(
        lambda: Services(caller).transactions.pay_out(
            transaction_id, form.to_account_id.data or "", idempotency_key=form.key
        )
    )
    if payout:
        return see_payment(payout, "The money is paid out.", "staff.payment")
    return form_page("admin_pay_out.html", form, held=held, closed=closed, is_own=closed.user_id == caller.user_id)


def _account(caller: Caller, account_id: UUID | None) -> Account | None:
    return Services(caller).accounts.details(account_id) if account_id else None


def _active(caller: Caller, user_id: UUID) -> Sequence[Account]:
    """Return the accounts of a customer that can receive money."""
    return Services(caller).accounts.list_all({"status": "active", "limit": MAX_PAGE}, user_id).rows
