"""What has happened on one's accounts."""

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, url_for

from api_gateway.pages.common.filters import OwnTransactionFilters
from api_gateway.pages.common.sections import account_service, begin, by_id, list_page, transaction_service
from shared.web.access import Caller, private

transactions = Blueprint("transactions", __name__)


@transactions.get("/transactions")
@private
def index(caller: Caller) -> Any:
    """Everything on one's accounts, newest first, with filters."""
    filters = OwnTransactionFilters()
    own_call = begin(account_service().list_own, caller.token)
    found = filters.found(lambda: transaction_service().list_own(caller.token, filters.query()))
    own = own_call.result()
    filters.offer(own)
    return list_page("transactions.html", filters, found=found, mine=by_id(own))


@transactions.get("/transactions/<uuid:transaction_id>")
@private
def details(caller: Caller, transaction_id: UUID) -> Any:
    """One transaction."""
    return _own_page("transaction_details.html", "staff.payment", caller, transaction_id)


@transactions.get("/transactions/<uuid:transaction_id>/receipt")
@private
def receipt(caller: Caller, transaction_id: UUID) -> Any:
    """One transaction, to be printed."""
    return _own_page("transaction_detail.html", "staff.receipt", caller, transaction_id)


def _own_page(template: str, staff_view: str, caller: Caller, transaction_id: UUID) -> Any:
    """The page of one of the caller's transactions; staff see those of others in their own section."""
    own_call = begin(account_service().list_own, caller.token)
    transaction = transaction_service().details(caller.token, transaction_id)
    mine = by_id(own_call.result())
    if caller.is_staff and transaction.direction(mine) == "past":
        return redirect(url_for(staff_view, transaction_id=transaction_id), 303)
    return render_template(template, transaction=transaction, mine=mine, section="/transactions")
