"""The dashboard: accounts, recent transactions, and spending."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Self

from flask import Blueprint, render_template

from api_gateway.clients.account import by_id
from api_gateway.clients.transaction import Summary
from api_gateway.pages.common import charts
from api_gateway.pages.common.charts import Picture
from api_gateway.pages.common.services import Services, result_or_none, start_call
from api_gateway.web import time_zones
from api_gateway.web.tools import tools
from shared.core.errors import ServiceUnavailable
from shared.web.access import Caller, private

MONTHS = 6
dashboard = Blueprint("dashboard", __name__)


@dataclass(frozen=True)
class Spending:
    """Income and expense of the current month, with charts by day, by month and by type."""

    income: Decimal
    expense: Decimal
    of_days: Picture
    of_months: Picture
    of_types: Picture

    @classmethod
    def of(cls, summary: Summary, today: date, currency: str) -> Self:
        """Compute the figures from a summary of the last months."""
        first, last = _month(today), _month(today, 1) - timedelta(days=1)
        month = [day for day in summary.by_day if day.date >= first]
        return cls(
            income=sum((day.income for day in month), Decimal()),
            expense=sum((day.expense for day in month), Decimal()),
            of_days=charts.bars({day.date: day.expense for day in month}, first, last, currency),
            of_months=charts.in_and_out(summary.by_day, _month(today, 1 - MONTHS), today, currency),
            of_types=charts.shares(summary.expense_by_type, currency),
        )


@dashboard.get("/dashboard")
@private
def index(caller: Caller) -> str:
    """Show accounts, recent transactions and spending, from three parallel calls."""
    today = time_zones.today()
    query = {"from": _month(today, 1 - MONTHS), "tz": time_zones.page_zone().key}
    recent_call = start_call(Services(caller).transactions.recent)
    summary_call = start_call(Services(caller).transactions.summary, query)
    own = result_or_none(start_call(Services(caller).accounts.list_own))
    recent, summary = result_or_none(recent_call), result_or_none(summary_call)
    if own is None and summary is None:
        raise ServiceUnavailable
    return render_template(
        "dashboard.html",
        accounts=own and [account for account in own if account.status != "closed"],
        total=sum((account.balance for account in own or ()), Decimal()),
        mine=by_id(own or []),
        recent=recent if own is not None else None,
        spending=Spending.of(summary, today, tools().currency.code) if summary else None,
        today=today,
    )


def _month(today: date, later: int = 0) -> date:
    """Return the first day of the current month, or of the month `later` months after it (before, if negative)."""
    months = today.year * 12 + today.month - 1 + later
    return date(months // 12, months % 12 + 1, 1)
