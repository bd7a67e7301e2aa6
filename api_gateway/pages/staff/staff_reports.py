"""Staff reports: on a customer's account and, for admins, on the whole bank."""

from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request

from api_gateway.clients.reporting import Choice
from api_gateway.pages.common.reports import ROWS, pictures_of, report_page, wanted_format
from api_gateway.pages.common.sections import reporting_service
from api_gateway.web.documents import send_on
from shared.web.access import Caller, admin_only, staff_only

SECTION = "/admin/reports"
staff_reports = Blueprint("staff_reports", __name__)


@staff_reports.get("/admin/reports")
@staff_only
def index(caller: Caller) -> str:
    """List what can be reported on, and the caller's stored reports."""
    found = reporting_service().list_own(caller.token, {"limit": ROWS, "cursor": request.args.get("cursor")})
    return render_template("admin_reports.html", found=found)


@staff_reports.get("/admin/reports/<uuid:report_id>")
@staff_only
def details(caller: Caller, report_id: UUID) -> Any:
    """Show a stored report: the caller's own or, for admins, anybody's."""
    report = reporting_service().details(caller.token, report_id)
    if form := wanted_format():
        path = f"/api/reports/details/{report_id}"
        return send_on(reporting_service().download(caller.token, path, Choice(), form))
    return render_template("report_details.html", report=report, pictures=pictures_of(report), section=SECTION)


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
