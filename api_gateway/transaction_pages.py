"""What has happened on one's accounts."""

from typing import Any
from uuid import UUID

from flask import Blueprint, render_template

from api_gateway.filter_forms import OwnTransactionFilters
from api_gateway.gateway_schemas import Account, Transaction
from api_gateway.section_pages import account_service, begin, list_page, transaction_service
from shared.access import Caller, private

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
def details(caller: Caller, transaction_id: UUID) -> str:
    """One transaction."""
    transaction, own = _with_accounts(caller, transaction_id)
    return render_template("transaction_details.html", transaction=transaction, mine=by_id(own))


@transactions.get("/transactions/<uuid:transaction_id>/receipt")
@private
def receipt(caller: Caller, transaction_id: UUID) -> str:
    """One transaction, to be printed."""
    transaction, own = _with_accounts(caller, transaction_id)
    return render_template("transaction_detail.html", transaction=transaction, mine=by_id(own))


def by_id(own: list[Account]) -> dict[UUID, Account]:
    """One's accounts, to tell by a transaction's ids which of them it touches."""
    return {account.id: account for account in own}


def _with_accounts(caller: Caller, transaction_id: UUID) -> tuple[Transaction, list[Account]]:
    own_call = begin(account_service().list_own, caller.token)
    transaction = transaction_service().details(caller.token, transaction_id)
    return transaction, own_call.result()
