"""Statements of customers' accounts for staff, who find each download in the audit trail."""

from typing import Any
from uuid import UUID

from flask import Blueprint

from api_gateway.pages.common.filters import StatementFilters
from api_gateway.pages.common.sections import account_service
from api_gateway.pages.common.statements import statement_download, statements_page
from shared.web.access import Caller, staff_with

staff_statements = Blueprint("staff_statements", __name__)


@staff_statements.get("/admin/accounts/<uuid:account_id>/statements")
@staff_with("customers:read")
def index(caller: Caller, account_id: UUID) -> Any:
    """Show the months of which there are statements of a customer's account, and a form for a range of days."""
    account = account_service().details(caller.token, account_id)
    return statements_page(account, StatementFilters(), place=f"/admin/accounts/{account_id}")


@staff_statements.get("/admin/accounts/<uuid:account_id>/statement")
@staff_with("customers:read")
def download(caller: Caller, account_id: UUID) -> Any:
    """Return a customer's statement as a download, which is recorded in the audit trail."""
    return statement_download(
        caller, lambda: account_service().details(caller.token, account_id), place=f"/admin/accounts/{account_id}"
    )
