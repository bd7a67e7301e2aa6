"""Staff reports: on a customer's account and, for admins, on the whole bank."""

from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request

from api_gateway.pages.common.reports import ROWS, pictures_of, report_page
from api_gateway.pages.common.sections import reporting_service
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
def details(caller: Caller, report_id: UUID) -> str:
    """Show a stored report: the caller's own or, for admins, anybody's."""
    report = reporting_service().details(caller.token, report_id)
    return render_template("report_details.html", report=report, pictures=pictures_of(report), section=SECTION)


@staff_reports.route("/admin/reports/account/<uuid:account_id>", methods=["GET", "POST"])
@staff_only
def account(caller: Caller, account_id: UUID) -> Any:
    """Report on a customer's account over a period. A POST stores the report."""
    return report_page(
        "account_report.html",
        lambda choice, save: reporting_service().account_report(caller.token, account_id, choice, save=save),
        section=SECTION,
    )


@staff_reports.route("/admin/reports/system", methods=["GET", "POST"])
@admin_only
def system(caller: Caller) -> Any:
    """Report on the whole bank over a period. A POST stores the report."""
    return report_page(
        "system_report.html",
        lambda choice, save: reporting_service().system_report(caller.token, choice, save=save),
        section=SECTION,
    )
