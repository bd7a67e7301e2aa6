"""The observations of clients of a bank under faults, and the check of them. Amounts are minor units.

Every operation has a unique marker as its description, by which its transactions are found.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["acknowledged", "refused", "unknown"]
Verdict = Literal["VALID", "INVALID", "UNKNOWN"]


@dataclass(frozen=True)
class Operation:
    """A request as its client saw it. `unknown` is no response, a server error or 202. Times are of one clock."""

    marker: str
    amount_minor: int
    source: str | None
    target: str | None
    answer: Outcome = "unknown"
    began_at: float = 0.0
    ended_at: float = 0.0
    returned_ids: frozenset[str] = frozenset()
    """The ids of acknowledged transactions in all responses with the same key."""
    repeated_answer: Outcome = "unknown"
    """The outcome of a repeated request with the same key after a known response."""
    readable_at_once: bool = True
    """Whether an acknowledged operation could be read immediately after its response."""


@dataclass(frozen=True)
class TotalRead:
    """The sum of all balances of the bank in one read."""

    total_minor: int
    began_at: float
    ended_at: float


@dataclass(frozen=True)
class Silence:
    """A time span in which the bank could not write, so that it could not acknowledge anything."""

    began_at: float
    ended_at: float


@dataclass(frozen=True)
class Booked:
    """A transaction in the final state of the bank."""

    transaction_id: str
    marker: str
    amount_minor: int
    source: str | None
    target: str | None
    status: str


@dataclass
class History:
    """All observations. `booked`, `balances` and `sums_of_entries` (by account) are the final state."""

    opening: dict[str, int]
    operations: list[Operation] = field(default_factory=list)
    reads: list[TotalRead] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    booked: list[Booked] | None = None
    balances: dict[str, int] | None = None
    sums_of_entries: dict[str, int] | None = None


def judge(history: History) -> tuple[Verdict, list[str]]:
    """Return VALID, INVALID with every broken rule, or UNKNOWN when the final state could not be read."""
    if history.booked is None or history.balances is None or history.sums_of_entries is None:
        return "UNKNOWN", ["the bank could not be read at the end"]
    broken = [
        *_wrong_effects(history.operations, history.booked),
        *_wrong_repetitions(history.operations, history.booked),
        *_strange_bookings(history.operations, history.booked),
        *_wrong_balances(history.opening, history.booked, history.balances, history.sums_of_entries),
        *_wrong_totals(history),
        *_empty_promises(history),
    ]
    return ("INVALID", broken) if broken else ("VALID", [])


def _wrong_effects(operations: list[Operation], booked: list[Booked]) -> Iterable[str]:
    """Check that acknowledged operations exist once and were visible, refused never, unknown at most once."""
    effects = Counter(row.marker for row in booked if row.status == "completed")
    allowed = {"acknowledged": (1, 1), "refused": (0, 0), "unknown": (0, 1)}
    for operation in operations:
        least, most = allowed[operation.answer]
        if not least <= effects[operation.marker] <= most:
            yield f"{operation.marker} was {operation.answer}, and happened {effects[operation.marker]} times"
        if operation.answer == "acknowledged" and not operation.readable_at_once:
            yield f"{operation.marker} was acknowledged, and could not be read right after"


def _wrong_repetitions(operations: list[Operation], booked: list[Booked]) -> Iterable[str]:
    """Check that each key has one outcome, whose id is the stored one."""
    completed = {row.transaction_id: row.marker for row in booked if row.status == "completed"}
    for operation in operations:
        first, repeated = operation.answer, operation.repeated_answer
        if "unknown" not in (first, repeated) and first != repeated:
            yield f"{operation.marker} was {first}, and when repeated {repeated}"
        for returned_id in operation.returned_ids:
            if completed.get(returned_id) != operation.marker:
                yield f"{operation.marker} was acknowledged as {returned_id}, which is something else"


def _strange_bookings(operations: list[Operation], booked: list[Booked]) -> Iterable[str]:
    """Check that nothing is pending and that each transaction equals its request."""
    asked = {operation.marker: operation for operation in operations}
    for row in booked:
        if row.status == "pending":
            yield f"{row.marker} is still pending"
        operation = asked.get(row.marker)
        if operation and (operation.amount_minor, operation.source, operation.target) != (
            row.amount_minor,
            row.source,
            row.target,
        ):
            yield f"{row.marker} was booked as something else"


def _wrong_balances(
    opening: dict[str, int], booked: list[Booked], balances: dict[str, int], sums_of_entries: dict[str, int]
) -> Iterable[str]:
    """Check that each balance follows from the transactions, equals the sum of its entries and is not negative."""
    expected = Counter(opening)
    for row in booked:
        if row.status == "completed":
            if row.source:
                expected[row.source] -= row.amount_minor
            if row.target:
                expected[row.target] += row.amount_minor
    for account, balance in balances.items():
        if balance != expected[account]:
            yield f"account {account} holds {balance}, its transactions say {expected[account]}"
        if balance != sums_of_entries.get(account):
            yield f"account {account} holds {balance}, its entries say {sums_of_entries.get(account)}"
        if balance < 0:
            yield f"account {account} is negative"


def _wrong_totals(history: History) -> Iterable[str]:
    """Check that each total is between the certain and the possible payments at the time of the read.

    Transfers never change the total. Payments concurrent with the read may or may not be included.
    """
    opening = sum(history.opening.values())
    for read in history.reads:
        least = most = opening
        for operation in history.operations:
            if operation.source and operation.target:
                continue
            sign = 1 if operation.target else -1
            certain = operation.answer == "acknowledged" and operation.ended_at <= read.began_at
            possible = operation.answer != "refused" and operation.began_at <= read.ended_at
            low, high = (certain, possible) if sign > 0 else (possible, certain)
            least += sign * operation.amount_minor * low
            most += sign * operation.amount_minor * high
        if not least <= read.total_minor <= most:
            yield f"a read returned a total of {read.total_minor}, but it must be between {least} and {most}"


def _empty_promises(history: History) -> Iterable[str]:
    """Check that no request made while the bank could not write was acknowledged in that time.

    An earlier request may have been written before that time and acknowledged in it.
    """
    for silence in history.silences:
        for operation in history.operations:
            is_within = silence.began_at < operation.began_at and operation.ended_at < silence.ended_at
            if is_within and operation.answer == "acknowledged":
                yield f"{operation.marker} was acknowledged while the bank could not write"
