"""The first page after logging in: what is there, what happened last, and what the month has cost."""

from datetime import date, timedelta
from decimal import Decimal

from flask import Blueprint, render_template

from api_gateway import chart_pages
from api_gateway.chart_pages import Picture
from api_gateway.gateway_schemas import Summary
from api_gateway.section_pages import account_service, begin, transaction_service, unless_away
from api_gateway.transaction_pages import by_id
from shared.access import Caller, private
from shared.periods import now

dashboard = Blueprint("dashboard", __name__)


@dashboard.get("/dashboard")
@private
def index(caller: Caller) -> str:
    """Accounts, recent transactions, and the spending of the month; three calls, side by side."""
    today = now().date()
    recent_call = begin(transaction_service().recent, caller.token)
    month_call = begin(transaction_service().summary, caller.token, {"from": today.replace(day=1)})
    own = account_service().list_own(caller.token)
    recent, month = unless_away(recent_call), unless_away(month_call)
    return render_template(
        "dashboard.html",
        accounts=[account for account in own if account.status != "closed"],
        total=sum((account.balance for account in own), Decimal()),
        mine=by_id(own),
        recent=recent,
        month=month,
        picture=spending(month, today) if month else None,
        today=today,
    )


def spending(month: Summary, today: date) -> Picture:
    """What went out on each day of the month, up to its last day."""
    first = today.replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return chart_pages.bars({day.date: day.expense for day in month.by_day}, first, last)
