"""The data of an account's balance chart."""

from datetime import date, timedelta
from decimal import Decimal

from api_gateway.clients.account import Account, Entries, Entry
from shared.core.clock import now

CURVE_DAYS = 90


def balances(account: Account, history: Entries, since: date) -> list[tuple[date, Decimal]]:
    """Return (day, balance) pairs in order: each day that changed it, the day before the period, and today."""
    closing: dict[date, Decimal] = {}
    for entry in history.history:
        closing.setdefault(entry.timestamp.date(), entry.balance_after)
    if history.pagination.next_cursor is None:
        opening = _before(history.history[-1]) if history.history else account.balance
        closing[max(since, account.created_at.date()) - timedelta(days=1)] = opening
    closing.setdefault(now().date(), account.balance)
    return sorted(closing.items())


def _before(entry: Entry) -> Decimal:
    return entry.balance_after - entry.amount
