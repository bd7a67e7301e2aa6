"""The data of an account's balance chart."""

from datetime import UTC, date, timedelta, tzinfo
from decimal import Decimal

from api_gateway.clients.account import Account, Entry
from api_gateway.clients.base import ListPage
from shared.core.clock import now
from shared.core.time_zones import day_of

CURVE_DAYS = 90


def balances(account: Account, history: ListPage[Entry], since: date, zone: tzinfo = UTC) -> list[tuple[date, Decimal]]:
    """Return (day, balance) pairs in order: each day that changed it, the day before the period, and today.

    Days are those of a time zone.
    """
    closing: dict[date, Decimal] = {}
    for entry in history.rows:
        closing.setdefault(day_of(entry.timestamp, zone), entry.balance_after)
    if history.pagination.next_cursor is None:
        opening = _before(history.rows[-1]) if history.rows else account.balance
        closing[max(since, day_of(account.created_at, zone)) - timedelta(days=1)] = opening
    closing.setdefault(day_of(now(), zone), account.balance)
    return sorted(closing.items())


def _before(entry: Entry) -> Decimal:
    return entry.balance_after - entry.amount
