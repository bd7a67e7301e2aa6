"""Statements of the caller's accounts: the months and ranges to choose from, and the documents to download."""

from datetime import date, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for

from api_gateway.clients.account import Account
from api_gateway.pages.common.filters import STATEMENT_FORMATS, StatementFilters
from api_gateway.pages.common.sections import account_service, reporting_service
from api_gateway.web.documents import send_on
from api_gateway.web.time_zones import page_zone, today
from shared.core.clock import now
from shared.core.time_zones import day_of
from shared.web.access import Caller, private

statements = Blueprint("statements", __name__)
MOST_MONTHS = 120


@statements.get("/accounts/<uuid:account_id>/statements")
@private
def index(caller: Caller, account_id: UUID) -> Any:
    """Show the months of which there are statements, and a form for a range of days."""
    account = account_service().details(caller.token, account_id)
    if account.user_id != caller.user_id:
        return redirect(url_for("staff.account", account_id=account_id), 303)
    return _page(account, StatementFilters())


@statements.get("/accounts/<uuid:account_id>/statement")
@private
def download(caller: Caller, account_id: UUID) -> Any:
    """Return the statement as a download. A refused period is explained on the page of statements."""
    filters = StatementFilters()
    query, known = filters.chosen(page_zone().key), request.headers.get("If-None-Match")
    document = filters.found(lambda: reporting_service().statement(caller.token, account_id, query, known))
    if document is not None:
        return send_on(document)
    return _page(account_service().details(caller.token, account_id), filters)


def months_of(account: Account, at: datetime, zone: tzinfo) -> list[date]:
    """Return the first days of the months since the account was opened, newest first, at most ten years."""
    month, first = day_of(at, zone).replace(day=1), day_of(account.created_at, zone).replace(day=1)
    months = [month]
    while month > first and len(months) < MOST_MONTHS:
        month = (month - timedelta(days=1)).replace(day=1)
        months.append(month)
    return months


def presets(day: date) -> dict[str, tuple[date, date]]:
    """Return ranges of days to choose from, by their names."""
    quarter = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    quarter_before = quarter - timedelta(days=1)
    year = day.replace(month=1, day=1)
    return {
        "Last 30 days": (day - timedelta(days=29), day),
        "This quarter": (quarter, day),
        "Last quarter": (quarter_before.replace(month=quarter_before.month - 2, day=1), quarter_before),
        "This year": (year, day),
        "Last year": (year.replace(year=year.year - 1), year - timedelta(days=1)),
    }


def _page(account: Account, filters: StatementFilters) -> tuple[str, int]:
    zone = page_zone()
    years = groupby(months_of(account, now(), zone), key=lambda month: month.year)
    page = render_template(
        "statements.html",
        account=account,
        form=filters,
        formats=STATEMENT_FORMATS,
        years=[(year, list(months)) for year, months in years],
        presets=presets(today()),
        time_zone=zone.key,
    )
    return page, 503 if filters.is_away else 400 if filters.errors else 200
