"""Pages for the transactions of the caller's accounts."""

from concurrent.futures import Future
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from wtforms import SelectField

from api_gateway.clients.account import by_id
from api_gateway.clients.auth import Profile
from api_gateway.pages.common.filters import CATEGORIES, OwnTransactionFilters, list_page
from api_gateway.pages.common.forms import BankForm, options
from api_gateway.pages.common.responses import see_other
from api_gateway.pages.common.services import Services, result_or_none, start_call
from api_gateway.web.documents import send_on
from api_gateway.web.time_zones import page_zone
from shared.web.access import Caller, private

transactions = Blueprint("transactions", __name__)


class CategoryForm(BankForm):
    """The caller's category of a transaction."""

    category = SelectField("Category", choices=options(CATEGORIES, "Uncategorised"), default="")


@transactions.get("/transactions")
@private
def index(caller: Caller) -> Any:
    """List the caller's transactions, newest first, with filters."""
    filters = OwnTransactionFilters()
    own_call = start_call(Services(caller).accounts.list_own)
    found = filters.found(lambda: Services(caller).transactions.list_own(filters.query()))
    own = own_call.result()
    filters.offer(own)
    return list_page("transactions.html", filters, found=found, mine=by_id(own))


@transactions.get("/transactions/<uuid:transaction_id>")
@private
def details(caller: Caller, transaction_id: UUID) -> Any:
    """Show a transaction."""
    return _own_page("transaction_details.html", "staff.payment", caller, transaction_id, category_form=CategoryForm())


@transactions.post("/transactions/<uuid:transaction_id>/category")
@private
def categorise(caller: Caller, transaction_id: UUID) -> Any:
    """Set the caller's category of a transaction, or remove it."""
    form = CategoryForm()
    category = form.category.data or None
    if form.validate():
        Services(caller).transactions.categorise(transaction_id, category)
        return see_other("The category is saved.", url_for("transactions.details", transaction_id=transaction_id))
    return _own_page("transaction_details.html", "staff.payment", caller, transaction_id, category_form=form), 422


@transactions.get("/transactions/<uuid:transaction_id>/receipt")
@private
def receipt(caller: Caller, transaction_id: UUID) -> Any:
    """Show a printable receipt of a transaction."""
    holder = start_call(Services(caller).auth.profile)
    return _own_page("receipt.html", "staff.receipt", caller, transaction_id, holder=holder)


@transactions.get("/transactions/<uuid:transaction_id>/receipt.pdf")
@private
def receipt_document(caller: Caller, transaction_id: UUID) -> Any:
    """Return the receipt of a transaction as a document that proves it."""
    known = request.headers.get("If-None-Match")
    return send_on(Services(caller).reports.receipt(transaction_id, {"tz": page_zone().key}, known))


def _own_page(
    template: str,
    staff_view: str,
    caller: Caller,
    transaction_id: UUID,
    *,
    holder: Future[Profile] | None = None,
    category_form: CategoryForm | None = None,
) -> Any:
    """Render a transaction of the caller. Staff are redirected to their section for transactions of others."""
    own_call = start_call(Services(caller).accounts.list_own)
    transaction = Services(caller).transactions.details(transaction_id)
    mine = by_id(own_call.result())
    if caller.is_staff and transaction.direction(mine) == "past":
        return redirect(url_for(staff_view, transaction_id=transaction_id), 303)
    if category_form and not category_form.is_submitted():
        category_form.category.data = transaction.category or ""
    return render_template(
        template,
        transaction=transaction,
        mine=mine,
        section="/transactions",
        holder=result_or_none(holder) if holder else None,
        category_form=category_form,
    )
