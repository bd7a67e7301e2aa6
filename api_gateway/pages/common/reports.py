"""The report page, shared by customers and staff."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from flask import render_template, request

from api_gateway.clients.reporting import AccountReport, Choice, Report, SystemReport, TransactionReport
from api_gateway.pages.common import charts
from api_gateway.pages.common.charts import Picture
from api_gateway.pages.common.filters import PeriodFilters, list_page
from api_gateway.pages.common.responses import see_other
from api_gateway.pages.common.services import Services
from api_gateway.web.documents import send_on
from api_gateway.web.time_zones import page_zone, today
from api_gateway.web.tools import tools
from shared.web.access import Caller

ROWS = 15
FORMATS = ("csv", "pdf")


def report_page(template: str, caller: Caller, path: str, *, section: str) -> Any:
    """Show a report for the period in the query string. A POST stores it and redirects to the stored report.

    `path` is that of the report at the service. With `format` in the query string it is returned as a download.
    """
    filters = PeriodFilters()
    choice = Choice(page_zone().key, filters.start_date.data, filters.end_date.data, filters.group.data or None)
    if form := wanted_format():
        document = filters.found(lambda: Services(caller).reports.download(path, choice, form))
        if document is not None:
            return send_on(document)
    report = filters.found(lambda: Services(caller).reports.report(path, choice, save=request.method == "POST"))
    if report and report.id:
        return see_other("The report is saved.", f"{section}/{report.id}")
    return list_page(
        template,
        filters,
        report=report,
        pictures=report and pictures_of(report),
        section=section,
        presets=presets(today()),
    )


def stored_report_page(caller: Caller, report: Report, *, section: str) -> Any:
    """Show a stored report or, with `format` in the query string, return it as a download."""
    if form := wanted_format():
        return send_on(Services(caller).reports.download(f"/api/reports/details/{report.id}", Choice(), form))
    return render_template("report_details.html", report=report, pictures=pictures_of(report), section=section)


def wanted_format() -> str | None:
    """Return the form of download that the query string asks for, or None."""
    form = request.args.get("format")
    return form if form in FORMATS else None


def presets(day: date) -> list[tuple[str, date, date]]:
    """Return the periods to choose from on a day: a name, the first and the last day."""
    month, quarter = day.replace(day=1), day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    month_before, quarter_before = month - timedelta(days=1), quarter - timedelta(days=1)
    return [
        ("This month", month, day),
        ("Last month", month_before.replace(day=1), month_before),
        ("This quarter", quarter, day),
        ("Last quarter", quarter_before.replace(month=quarter_before.month - 2, day=1), quarter_before),
        ("This year", day.replace(month=1, day=1), day),
        ("Last year", date(day.year - 1, 1, 1), date(day.year - 1, 12, 31)),
    ]


def pictures_of(report: Report) -> dict[str, Picture]:
    """Return the charts of a report by name."""
    data, currency = report.report_data, tools().currency.code
    if isinstance(data, SystemReport):
        return {"volume": _bars(data, {day.date: day.total for day in data.transactions.by_day}, currency)}
    by_type = charts.shares(data.expense_by_type, currency)
    if isinstance(data, AccountReport):
        return {
            "balance": charts.curve([(point.date, point.balance) for point in data.balance_trend], currency),
            "by_type": by_type,
        }
    return {
        "spending": _bars(data, {day.date: day.expense for day in data.by_day}, currency),
        "months": charts.in_and_out(data.by_day, data.period.start_date, data.period.end_date, currency),
        "by_type": by_type,
    }


def _bars(data: SystemReport | TransactionReport, amounts: dict[date, Decimal], currency: str) -> Picture:
    return charts.bars(amounts, data.period.start_date, data.period.end_date, currency)
