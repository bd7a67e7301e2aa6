"""The chart of an account's balance."""

from concurrent.futures import Future
from datetime import UTC, date, timedelta, tzinfo
from decimal import Decimal
from uuid import UUID

from api_gateway.clients.account import Account, Entry
from api_gateway.clients.base import MAX_PAGE, ListPage
from api_gateway.pages.common import charts
from api_gateway.pages.common.services import Services, start_call
from api_gateway.web import time_zones
from shared.core.clock import now
from shared.core.time_zones import day_of
from shared.web.access import Caller

CURVE_DAYS = timedelta(days=90)


def start_history(caller: Caller, account_id: UUID) -> Future[ListPage[Entry]]:
    """Start the call for the entries that the curve of an account shows."""
    query = {**time_zones.days_since(time_zones.today() - CURVE_DAYS), "limit": MAX_PAGE}
    return start_call(Services(caller).accounts.history, account_id, query)


def balance_curve(account: Account, history: ListPage[Entry]) -> charts.Picture:
    """Draw the balance of an account over the last days, in the time zone of the page."""
    days = balances(account, history, time_zones.today() - CURVE_DAYS, time_zones.page_zone())
    return charts.curve(days, account.currency)


def balances(account: Account, history: ListPage[Entry], since: date, zone: tzinfo = UTC) -> list[tuple[date, Decimal]]:
    """Return (day, balance) pairs in order: each day that changed it, the day before the period, and today.

    Days are those of a time zone.
    """
    closing: dict[date, Decimal] = {}
    for entry in history.rows:
        closing.setdefault(day_of(entry.timestamp, zone), entry.balance_after)
    if history.pagination.next_cursor is None:
        oldest = history.rows[-1] if history.rows else None
        opening = oldest.balance_after - oldest.amount if oldest else account.balance
        closing[max(since, day_of(account.created_at, zone)) - timedelta(days=1)] = opening
    closing.setdefault(day_of(now(), zone), account.balance)
    return sorted(closing.items())
