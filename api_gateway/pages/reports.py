"""Report pages. A report is made for a period on request, and stored by a POST."""

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for

from api_gateway.clients.reporting import Choice
from api_gateway.pages.common.reports import ROWS, pictures_of, report_page, wanted_format
from api_gateway.pages.common.sections import account_service, reporting_service, result_or_none, start_call
from api_gateway.web.documents import send_on
from shared.web.access import Caller, private

reports = Blueprint("reports", __name__)


@reports.get("/reports")
@private
def index(caller: Caller) -> tuple[str, int]:
    """List what can be reported on, and the caller's stored reports."""
    own_call = start_call(account_service().list_own, caller.token)
    query = {"limit": ROWS, "cursor": request.args.get("cursor")}
    found_call = start_call(reporting_service().list_own, caller.token, query)
    custom_call = start_call(reporting_service().list_custom, caller.token)
    found, custom = result_or_none(found_call), result_or_none(custom_call)
    page = render_template("reports.html", accounts=own_call.result(), found=found, custom=custom or [])
    return page, 200 if found else 503


@reports.get("/reports/<uuid:report_id>")
@private
def details(caller: Caller, report_id: UUID) -> Any:
    """Show a stored report. Staff are redirected to their section for reports about others."""
    report = reporting_service().details(caller.token, report_id)
    if caller.is_staff and not report.is_about(caller.user_id):
        return redirect(url_for("staff_reports.details", report_id=report_id), 303)
    if form := wanted_format():
        path = f"/api/reports/details/{report_id}"
        return send_on(reporting_service().download(caller.token, path, Choice(), form))
    return render_template("report_details.html", report=report, pictures=pictures_of(report), section="/reports")


@reports.route("/reports/account/<uuid:account_id>", methods=["GET", "POST"])
@private
def account(caller: Caller, account_id: UUID) -> Any:
    """Report on an account over a period. A POST stores the report."""
    if caller.is_staff and account_service().details(caller.token, account_id).user_id != caller.user_id:
        period: dict[str, Any] = request.args.to_dict()
        return redirect(url_for("staff_reports.account", account_id=account_id, **period), 303)
    return report_page("account_report.html", caller, f"/api/reports/account/{account_id}", section="/reports")


@reports.route("/reports/transactions", methods=["GET", "POST"])
@private
def transactions(caller: Caller) -> Any:
    """Report on all accounts of the caller over a period. A POST stores the report."""
    return report_page("transaction_report.html", caller, "/api/reports/transactions", section="/reports")
