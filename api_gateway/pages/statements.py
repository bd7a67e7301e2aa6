"""Statements of the caller's accounts: the months and ranges to choose from, and the documents to download."""

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, url_for

from api_gateway.pages.common.filters import StatementFilters
from api_gateway.pages.common.sections import account_service
from api_gateway.pages.common.statements import statement_download, statements_page
from shared.web.access import Caller, private

statements = Blueprint("statements", __name__)


@statements.get("/accounts/<uuid:account_id>/statements")
@private
def index(caller: Caller, account_id: UUID) -> Any:
    """Show the months of which there are statements, and a form for a range of days."""
    account = account_service().details(caller.token, account_id)
    if account.user_id != caller.user_id:
        return redirect(url_for("staff_statements.index", account_id=account_id), 303)
    return statements_page(account, StatementFilters(), place=f"/accounts/{account_id}")


@statements.get("/accounts/<uuid:account_id>/statement")
@private
def download(caller: Caller, account_id: UUID) -> Any:
    """Return the statement as a download. A refused period is explained on the page of statements."""
    return statement_download(
        caller, lambda: account_service().details(caller.token, account_id), place=f"/accounts/{account_id}"
    )
