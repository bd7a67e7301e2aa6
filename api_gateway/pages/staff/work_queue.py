"""The work that waits for an employee or admin: cards with counts that lead to lists, and requests about a record.

A count shows nobody's data, so that it is no entry of the audit trail; the list behind it is one.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from uuid import UUID

from api_gateway.clients.approvals import KINDS, Approval
from api_gateway.clients.base import MAX_PAGE
from api_gateway.pages.common.services import Services, result_or_none, start_call
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
class _Kind:
    """A kind of work and the permissions that it needs. The count is the sum of the results of `counts`.

    `address` may contain {since}, the first day that counts.
    """

    title: str
    text: str
    address: str
    permissions: tuple[str, ...]
    counts: Sequence[Callable[[Caller], int]]


def cards(caller: Caller) -> list[Card]:
    """Return the work that the caller's permissions let them do. All of it is counted at the same time."""
    kinds = [kind for kind in _KINDS if all(map(caller.may, kind.permissions))]
    calls = [[start_call(count, caller) for count in kind.counts] for kind in kinds]
    return [
        Card(kind.title, kind.text, kind.address.format(since=_since()), _sum(map(result_or_none, counts)))
        for kind, counts in zip(kinds, calls, strict=True)
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
        start_call(Services(caller).approvals[kind].find, {**query, "status": "pending", "limit": MAX_PAGE})
        for kind, query in queries
    ]
    pages = [page for page in map(result_or_none, calls) if page]
    rows = {row.id: row for page in pages for row in page.rows if _is_about(row, accounts)}
    return sorted(rows.values(), key=lambda row: row.asked_at, reverse=True)


def _is_about(approval: Approval, accounts: Collection[UUID]) -> bool:
    """Return whether a request was found by its subject, or is a withdrawal from one of these accounts."""
    about = approval.transaction
    return not (accounts and about) or (approval.action == "withdraw" and about.account_id in accounts)


def _since() -> date:
    return today() - FAILED_DAYS


def _sum(counts: Iterable[int | None]) -> int | None:
    """Return the sum, or None if one count is not known."""
    known = list(counts)
    return None if None in known else sum(filter(None, known))


def _count_approvals(kind: str, caller: Caller) -> int:
    """Count the pending requests of colleagues of a kind."""
    page = Services(caller).approvals[kind].find({"status": "pending", "limit": MAX_PAGE})
    return sum(one.asked_by != caller.user_id for one in page.rows)


_KINDS = (
    _Kind(
        "Approvals",
        "Requests of colleagues that you may decide",
        "/admin/approvals?status=pending",
        ("approvals:decide",),
        [partial(_count_approvals, kind) for kind in KINDS],
    ),
    _Kind(
        "Messages",
        "Disputes and questions that wait for an answer",
        "/admin/cases?state=open",
        ("cases:answer",),
        [lambda caller: Services(caller).cases.count_open()],
    ),
    _Kind(
        "Identities",
        "Customers whose identity waits for a decision",
        "/admin/customers?identity=pending",
        ("customers:read", "customers:verify"),
        [lambda caller: Services(caller).customers.counts()["pending_identities"]],
    ),
    _Kind(
        "Failed payments",
        "Since yesterday",
        "/admin/transactions?status=failed&from={since}",
        ("customers:read",),
        [lambda caller: Services(caller).transactions.count_all({"status": "failed", **days_since(_since())})],
    ),
    _Kind(
        "Locked customers",
        "After too many wrong passwords",
        "/admin/customers?status=locked",
        ("customers:read", "customers:write"),
        [lambda caller: Services(caller).customers.counts()["locked"]],
    ),
)
