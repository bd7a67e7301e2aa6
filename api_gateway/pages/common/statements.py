"""The page of statements of one account, for its owner and for staff: what to choose from, and the download."""

from datetime import date, datetime, timedelta, tzinfo
from itertools import groupby
from typing import Any
from uuid import UUID

from flask import request

from api_gateway.clients.account import Account
from api_gateway.pages.common import reports
from api_gateway.pages.common.filters import STATEMENT_FORMATS, StatementFilters, list_page
from api_gateway.pages.common.services import Services
from api_gateway.web.documents import send_on
from api_gateway.web.time_zones import page_zone, today
from shared.core.clock import now
from shared.core.time_zones import day_of
from shared.web.access import Caller

MAX_MONTHS = 120


def months_of(account: Account, at: datetime, zone: tzinfo) -> list[date]:
    """Return the first days of the months since the account was opened, newest first, at most ten years."""
    month, first = day_of(at, zone).replace(day=1), day_of(account.created_at, zone).replace(day=1)
    months = [month]
    while month > first and len(months) < MAX_MONTHS:
        month = (month - timedelta(days=1)).replace(day=1)
        months.append(month)
    return months


def presets(day: date) -> dict[str, tuple[date, date]]:
    """Return ranges of days to choose from, by their names. Months have statements of their own."""
    longer = {name: (first, last) for name, first, last in reports.presets(day) if "month" not in name}
    return {"Last 30 days": (day - timedelta(days=29), day), **longer}


def statements_page(account: Account, filters: StatementFilters, *, place: str) -> tuple[str, int]:
    """Return the page of an account's statements. `place` is the address of the account's page, the staff's or not."""
    zone = page_zone()
    years = groupby(months_of(account, now(), zone), key=lambda month: month.year)
    return list_page(
        "statements.html",
        filters,
        account=account,
        place=place,
        formats=STATEMENT_FORMATS,
        years=[(year, list(months)) for year, months in years],
        presets=presets(today()),
        time_zone=zone.key,
    )


def statement_download(caller: Caller, account_id: UUID, *, place: str) -> Any:
    """Return the chosen statement as a download. A refused period is explained on the page of statements."""
    filters = StatementFilters()
    query, known = filters.chosen(page_zone().key), request.headers.get("If-None-Match")
    document = filters.found(lambda: Services(caller).reports.statement(account_id, query, known))
    if document is not None:
        return send_on(document)
    return statements_page(Services(caller).accounts.details(account_id), filters, place=place)
