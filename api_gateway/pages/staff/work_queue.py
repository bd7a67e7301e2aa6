"""The work that waits for an employee or admin: cards with counts that lead to lists, and requests about a record.

A count shows nobody's data, so that it is no entry of the audit trail; the list behind it is one.
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from api_gateway.clients.approvals import KINDS, Approval
from api_gateway.clients.base import MAX_PAGE
from api_gateway.pages.common.sections import (
    approval_service,
    case_service,
    customer_service,
    result_or_none,
    start_call,
    transaction_service,
)
from api_gateway.web.time_zones import days_since, today
from shared.web.access import Caller

FAILED_DAYS = timedelta(days=1)


@dataclass(frozen=True)
class Card:
    """A kind of work: how much of it waits (None while a service does not answer), and the list that has it."""

    title: str
    text: str
    address: str
    count: int | None

    @property
    def label(self) -> str:
        """Return a count as text. Requests are counted up to their longest page, payments up to a thousand."""
        return f"{MAX_PAGE}+" if self.count and self.count >= MAX_PAGE else str(self.count)


@dataclass(frozen=True)
class _Source:
    """A kind of work, the permissions that it needs, the calls that find it, and how an answer is counted.

    `address` may contain {since}, the first day that counts.
    """

    title: str
    text: str
    address: str
    permissions: tuple[str, ...]
    calls: Callable[[Caller], Sequence[Future[Any]]]
    count: Callable[[Any, Caller], int]


def cards(caller: Caller) -> list[Card]:
    """Return the work that the caller's permissions let them do. All lists are read at the same time."""
    started = [(one, one.calls(caller)) for one in _SOURCES if all(map(caller.may, one.permissions))]
    since = _since()
    return [
        Card(source.title, source.text, source.address.format(since=since), _total(source, calls, caller))
        for source, calls in started
    ]


def requests_about(
    caller: Caller, *, person: UUID | None = None, accounts: Collection[UUID] = (), transaction: UUID | None = None
) -> list[Approval]:
    """Return the pending requests about these, and cash withdrawals from these accounts, newest first.

    All services are asked at the same time. Requests of a service that does not answer are missing.
    """
    subjects = [("people", person), *(("accounts", account) for account in accounts), ("payments", transaction)]
    queries = [(kind, {"subject_id": str(subject)}) for kind, subject in subjects if subject]
    if accounts and (caller.may("approvals:decide") or caller.may("counter:withdraw")):
        queries.append(("payments", {}))
    calls = [
        start_call(approval_service(kind).find, caller.token, {**query, "status": "pending", "limit": MAX_PAGE})
        for kind, query in queries
    ]
    pages = [page for page in map(result_or_none, calls) if page]
    rows = {row.id: row for page in pages for row in page.rows if _is_about(row, accounts)}
    return sorted(rows.values(), key=lambda row: row.asked_at, reverse=True)


def _is_about(approval: Approval, accounts: Collection[UUID]) -> bool:
    """Return whether a request was found by its subject, or is a withdrawal from one of these accounts."""
    about = approval.transaction
    return not (accounts and about) or (approval.action == "withdraw" and about.account_id in accounts)


def _approvals(caller: Caller) -> list[Future[Any]]:
    query = {"status": "pending", "limit": MAX_PAGE}
    return [start_call(approval_service(kind).find, caller.token, query) for kind in KINDS]


def _failed_payments(caller: Caller) -> list[Future[Any]]:
    query = {"status": "failed", **days_since(_since())}
    return [start_call(transaction_service().count_all, caller.token, query)]


def _since() -> date:
    return today() - FAILED_DAYS


def _customers(caller: Caller) -> list[Future[Any]]:
    return [start_call(customer_service().counts, caller.token)]


def _total(source: _Source, calls: Sequence[Future[Any]], caller: Caller) -> int | None:
    found = [result_or_none(call) for call in calls]
    return None if None in found else sum(source.count(one, caller) for one in found)


_SOURCES = (
    _Source(
        "Approvals",
        "Requests of colleagues that you may decide",
        "/admin/approvals?status=pending",
        ("approvals:decide",),
        _approvals,
        lambda found, caller: sum(one.asked_by != caller.user_id for one in found.rows),
    ),
    _Source(
        "Messages",
        "Disputes and questions that wait for an answer",
        "/admin/cases?state=open",
        ("cases:answer",),
        lambda caller: [start_call(case_service().count_open, caller.token)],
        lambda count, _caller: int(count),
    ),
    _Source(
        "Identities",
        "Customers whose identity waits for a decision",
        "/admin/customers?identity=pending",
        ("customers:read", "customers:verify"),
        _customers,
        lambda counts, _caller: int(counts.pending_identities),
    ),
    _Source(
        "Failed payments",
        "Since yesterday",
        "/admin/transactions?status=failed&from={since}",
        ("customers:read",),
        _failed_payments,
        lambda count, _caller: int(count),
    ),
    _Source(
        "Locked customers",
        "After too many wrong passwords",
        "/admin/customers?status=locked",
        ("customers:read", "customers:write"),
        _customers,
        lambda counts, _caller: int(counts.locked),
    ),
)
