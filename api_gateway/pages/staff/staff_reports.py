"""Reports and statements for staff: on customers' accounts and, for admins, on the whole bank."""

from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request

from api_gateway.pages.common.filters import StatementFilters
from api_gateway.pages.common.reports import ROWS, report_page, stored_report_page
from api_gateway.pages.common.services import Services
from api_gateway.pages.common.statements import statement_download, statements_page
from shared.web.access import Caller, admin_only, staff_only, staff_with

SECTION = "/admin/reports"
staff_reports = Blueprint("staff_reports", __name__)


@staff_reports.get("/admin/reports")
@staff_only
def index(caller: Caller) -> str:
    """List what can be reported on, and the caller's stored reports."""
    found = Services(caller).reports.list_own({"limit": ROWS, "cursor": request.args.get("cursor")})
    return render_template("admin_reports.html", found=found)


@staff_reports.get("/admin/reports/<uuid:report_id>")
@staff_only
def details(caller: Caller, report_id: UUID) -> Any:
    """Show a stored report: the caller's own or, for admins, anybody's."""
    return stored_report_page(caller, Services(caller).reports.details(report_id), section=SECTION)


@staff_reports.route("/admin/reports/account/<uuid:account_id>", methods=["GET", "POST"])
@staff_only
def account(caller: Caller, account_id: UUID) -> Any:
    """Report on a customer's account over a period. A POST stores the report."""
    return report_page("account_report.html", caller, f"/api/reports/account/{account_id}", section=SECTION)


@staff_reports.route("/admin/reports/system", methods=["GET", "POST"])
@admin_only
def system(caller: Caller) -> Any:
    """Report on the whole bank over a period. A POST stores the report."""
    return report_page("system_report.html", caller, "/api/reports/system", section=SECTION)


@staff_reports.get("/admin/accounts/<uuid:account_id>/statements")
@staff_with("customers:read")
def statements(caller: Caller, account_id: UUID) -> Any:
    """Show the months of which there are statements of a customer's account, and a form for a range of days."""
    shown = Services(caller).accounts.details(account_id)
    return statements_page(shown, StatementFilters(), place=f"/admin/accounts/{account_id}")


@staff_reports.get("/admin/accounts/<uuid:account_id>/statement")
@staff_with("customers:read")
def statement(caller: Caller, account_id: UUID) -> Any:
    """Return a customer's statement as a download, which is recorded in the audit trail."""
    return statement_download(caller, account_id, place=f"/admin/accounts/{account_id}")
