"""Reports: made for a period when they are opened, and stored on request."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for

from api_gateway.clients.reporting import AccountReport, Days, Report, SystemReport, TransactionReport
from api_gateway.pages.common import charts
from api_gateway.pages.common.charts import Picture
from api_gateway.pages.common.filters import PeriodFilters
from api_gateway.pages.common.money_forms import bank_currency
from api_gateway.pages.common.responses import done
from api_gateway.pages.common.sections import account_service, begin, list_page, reporting_service, unless_away
from shared.web.access import Caller, private

ROWS = 15
reports = Blueprint("reports", __name__)


@reports.get("/reports")
@private
def index(caller: Caller) -> tuple[str, int]:
    """What can be reported on, and the reports that were stored before."""
    own_call = begin(account_service().list_own, caller.token)
    query = {"limit": ROWS, "cursor": request.args.get("cursor")}
    found_call = begin(reporting_service().list_own, caller.token, query)
    found = unless_away(found_call)
    return render_template("reports.html", accounts=own_call.result(), found=found), 200 if found else 503


@reports.get("/reports/<uuid:report_id>")
@private
def details(caller: Caller, report_id: UUID) -> Any:
    """A report as it was stored; staff see those that are not about themselves in their own section."""
    report = reporting_service().details(caller.token, report_id)
    if caller.is_staff and not report.is_about(caller.user_id):
        return redirect(url_for("staff_reports.details", report_id=report_id), 303)
    return render_template("report_details.html", report=report, pictures=pictures_of(report), section="/reports")


@reports.route("/reports/account/<uuid:account_id>", methods=["GET", "POST"])
@private
def account(caller: Caller, account_id: UUID) -> Any:
    """One account over a period. A POST stores the report."""
    if caller.is_staff and account_service().details(caller.token, account_id).user_id != caller.user_id:
        period: dict[str, Any] = request.args.to_dict()
        return redirect(url_for("staff_reports.account", account_id=account_id, **period), 303)
    return report_page(
        "account_report.html",
        lambda days, save: reporting_service().account_report(caller.token, account_id, days, save=save),
        section="/reports",
    )


@reports.route("/reports/transactions", methods=["GET", "POST"])
@private
def transactions(caller: Caller) -> Any:
    """All one's accounts over a period. A POST stores the report."""
    return report_page(
        "transaction_report.html",
        lambda days, save: reporting_service().transaction_report(caller.token, days, save=save),
        section="/reports",
    )


def report_page(template: str, make: Callable[[Days, bool], Report], *, section: str) -> Any:
    """The page of a report for the period in the address; asked for by POST, the report is stored and shown as such."""
    filters = PeriodFilters()
    days, save = (filters.start_date.data, filters.end_date.data), request.method == "POST"
    report = filters.found(lambda: make(days, save))
    if report and report.id:
        return done("The report is saved.", f"{section}/{report.id}")
    return list_page(template, filters, report=report, pictures=report and pictures_of(report), section=section)


def pictures_of(report: Report) -> dict[str, Picture]:
    """What a report shows: how a balance went, what was spent or moved when, by month, and in which ways."""
    data = report.report_data
    if isinstance(data, SystemReport):
        return {"volume": _bars(data, {day.date: day.total for day in data.transactions.by_day})}
    ways = charts.shares(data.expense_by_type, bank_currency().code)
    if isinstance(data, AccountReport):
        return {
            "balance": charts.curve([(point.date, point.balance) for point in data.balance_trend]),
            "ways": ways,
        }
    return {
        "spending": _bars(data, {day.date: day.expense for day in data.by_day}),
        "months": charts.in_and_out(data.by_day, data.period.start_date, data.period.end_date),
        "ways": ways,
    }


def _bars(data: SystemReport | TransactionReport, amounts: dict[date, Decimal]) -> Picture:
    return charts.bars(amounts, data.period.start_date, data.period.end_date)
