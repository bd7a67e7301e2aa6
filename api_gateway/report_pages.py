"""Reports: made for a period when they are opened, and kept."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request

from api_gateway import chart_pages
from api_gateway.chart_pages import Picture
from api_gateway.filter_forms import PeriodFilters
from api_gateway.money_forms import bank_currency
from api_gateway.report_schemas import AccountReport, Report, SystemReport, TransactionReport
from api_gateway.section_pages import account_service, begin, list_page, reporting_service
from shared.access import Caller, private

ROWS = 15
reports = Blueprint("reports", __name__)


@reports.get("/reports")
@private
def index(caller: Caller) -> str:
    """What can be reported on, and the reports that were made before."""
    own_call = begin(account_service().list_own, caller.token)
    found = reporting_service().list_own(caller.token, {"limit": ROWS, "cursor": request.args.get("cursor")})
    return render_template("reports.html", accounts=own_call.result(), found=found)


@reports.get("/reports/<uuid:report_id>")
@private
def details(caller: Caller, report_id: UUID) -> str:
    """A report as it was made."""
    report = reporting_service().details(caller.token, report_id)
    return render_template("report_details.html", report=report, pictures=pictures_of(report))


@reports.get("/reports/account/<uuid:account_id>")
@private
def account(caller: Caller, account_id: UUID) -> Any:
    """One account over a period."""
    return _made(
        "account_report.html", lambda *days: reporting_service().account_report(caller.token, account_id, *days)
    )


@reports.get("/reports/transactions")
@private
def transactions(caller: Caller) -> Any:
    """All one's accounts over a period."""
    return _made("transaction_report.html", lambda *days: reporting_service().transaction_report(caller.token, *days))


def pictures_of(report: Report) -> dict[str, Picture]:
    """What a report shows: how a balance went, what was spent or moved when, by month, and in which ways."""
    data = report.report_data
    if isinstance(data, SystemReport):
        return {"volume": _bars(data, {day.date: day.total for day in data.transactions.by_day})}
    ways = chart_pages.shares(data.expense_by_type, bank_currency().code)
    if isinstance(data, AccountReport):
        return {
            "balance": chart_pages.curve([(point.date, point.balance) for point in data.balance_trend]),
            "ways": ways,
        }
    return {
        "spending": _bars(data, {day.date: day.expense for day in data.by_day}),
        "months": chart_pages.in_and_out(data.by_day, data.period.start_date, data.period.end_date),
        "ways": ways,
    }


def _bars(data: SystemReport | TransactionReport, amounts: dict[date, Decimal]) -> Picture:
    return chart_pages.bars(amounts, data.period.start_date, data.period.end_date)


def _made(template: str, make: Callable[[date | None, date | None], Report]) -> Any:
    """The page of a report for the period in the address."""
    filters = PeriodFilters()
    report = filters.found(lambda: make(filters.start_date.data, filters.end_date.data))
    return list_page(template, filters, report=report, pictures=report and pictures_of(report))
