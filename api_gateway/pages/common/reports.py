"""The report page, shared by customers and staff."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from flask import request

from api_gateway.clients.reporting import AccountReport, Days, Report, SystemReport, TransactionReport
from api_gateway.pages.common import charts
from api_gateway.pages.common.charts import Picture
from api_gateway.pages.common.filters import PeriodFilters
from api_gateway.pages.common.responses import done
from api_gateway.pages.common.sections import list_page
from api_gateway.web.tools import tools

ROWS = 15


def report_page(template: str, make: Callable[[Days, bool], Report], *, section: str) -> Any:
    """Show a report for the period in the query string. A POST stores it and redirects to the stored report."""
    filters = PeriodFilters()
    days, save = (filters.start_date.data, filters.end_date.data), request.method == "POST"
    report = filters.found(lambda: make(days, save))
    if report and report.id:
        return done("The report is saved.", f"{section}/{report.id}")
    return list_page(template, filters, report=report, pictures=report and pictures_of(report), section=section)


def pictures_of(report: Report) -> dict[str, Picture]:
    """Return the charts of a report by name."""
    data = report.report_data
    if isinstance(data, SystemReport):
        return {"volume": _bars(data, {day.date: day.total for day in data.transactions.by_day})}
    ways = charts.shares(data.expense_by_type, tools().currency.code)
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
