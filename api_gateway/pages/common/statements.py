"""The page of statements of one account, for its owner and for staff: what to choose from, and the download."""

from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Any

from flask import render_template, request

from api_gateway.clients.account import Account
from api_gateway.pages.common.filters import STATEMENT_FORMATS, StatementFilters
from api_gateway.pages.common.sections import reporting_service
from api_gateway.web.documents import send_on
from api_gateway.web.time_zones import page_zone, today
from shared.core.clock import now
from shared.core.time_zones import day_of
from shared.web.access import Caller

MOST_MONTHS = 120


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


def statements_page(account: Account, filters: StatementFilters, **context: Any) -> tuple[str, int]:
    """Return the page of an account's statements. `context` has what differs between the owner and staff."""
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
        **context,
    )
    return page, 503 if filters.is_unavailable else 400 if filters.errors else 200


def statement_download(caller: Caller, account: Callable[[], Account], **context: Any) -> Any:
    """Return the chosen statement as a download. A refused period is explained on the page of statements."""
    filters = StatementFilters()
    query, known = filters.chosen(page_zone().key), request.headers.get("If-None-Match")
    account_id = (request.view_args or {})["account_id"]
    document = filters.found(lambda: reporting_service().statement(caller.token, account_id, query, known))
    return send_on(document) if document is not None else statements_page(account(), filters, **context)
