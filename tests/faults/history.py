"""What clients saw of a bank under faults, and the judge of it. Amounts are minor units.

Every operation carries a marker of its own as its description, so that whatever the bank did for it can be found again.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["acknowledged", "refused", "unknown"]
Verdict = Literal["VALID", "INVALID", "UNKNOWN"]


@dataclass(frozen=True)
class Operation:
    """One request as its client saw it. `unknown`: no answer, a server error, or 202. Times are of one clock."""

    marker: str
    amount_minor: int
    source: str | None
    target: str | None
    answer: Outcome = "unknown"
    began_at: float = 0.0
    ended_at: float = 0.0
    told_ids: frozenset[str] = frozenset()
    """The ids of the transactions that were acknowledged, over all times that it was asked with the same key."""
    asked_again: Outcome = "unknown"
    """What came of asking once more with the same key, when the answer was known already."""
    seen_at_once: bool = True
    """Whether an acknowledged operation could be read back right after its answer."""


@dataclass(frozen=True)
class TotalRead:
    """All balances of the bank, added up, as one read saw them."""

    total_minor: int
    began_at: float
    ended_at: float


@dataclass(frozen=True)
class Silence:
    """A time in which the bank could write nothing, so that it could not truly say that it had."""

    began_at: float
    ended_at: float


@dataclass(frozen=True)
class Booked:
    """A transaction as the bank tells it at the end."""

    transaction_id: str
    marker: str
    amount_minor: int
    source: str | None
    target: str | None
    status: str


@dataclass
class History:
    """Everything seen; `booked`, `balances` and `sums_of_entries` (by account) are read when all has come to rest."""

    opening: dict[str, int]
    operations: list[Operation] = field(default_factory=list)
    reads: list[TotalRead] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    booked: list[Booked] | None = None
    balances: dict[str, int] | None = None
    sums_of_entries: dict[str, int] | None = None


def judge(history: History) -> tuple[Verdict, list[str]]:
    """VALID, or INVALID with every rule that is broken, or UNKNOWN when the end could not be read."""
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
    """Acknowledged: exactly once, and visible at once. Refused: never. Unknown: at most once."""
    effects = Counter(row.marker for row in booked if row.status == "completed")
    allowed = {"acknowledged": (1, 1), "refused": (0, 0), "unknown": (0, 1)}
    for operation in operations:
        least, most = allowed[operation.answer]
        if not least <= effects[operation.marker] <= most:
            yield f"{operation.marker} was {operation.answer}, and happened {effects[operation.marker]} times"
        if operation.answer == "acknowledged" and not operation.seen_at_once:
            yield f"{operation.marker} was acknowledged, and could not be read right after"


def _wrong_repetitions(operations: list[Operation], booked: list[Booked]) -> Iterable[str]:
    """One key, one answer, and the id that it told is the one that is kept."""
    completed = {row.transaction_id: row.marker for row in booked if row.status == "completed"}
    for operation in operations:
        if "unknown" not in (operation.answer, operation.asked_again) and operation.answer != operation.asked_again:
            yield f"{operation.marker} was {operation.answer}, and asked again {operation.asked_again}"
        for told in operation.told_ids:
            if completed.get(told) != operation.marker:
                yield f"{operation.marker} was acknowledged as {told}, which is something else"


def _strange_bookings(operations: list[Operation], booked: list[Booked]) -> Iterable[str]:
    """Nothing is left pending, and what was booked is what was asked for."""
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
    """Each balance is the opening one and every completed transaction, is the sum of its entries, and not negative."""
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
    """A read of the whole bank sees what had certainly come in and gone out, and nothing that can't have.

    Transfers never change the total. What came or went at about the time of the read may or may not be in it.
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
            yield f"a read saw {read.total_minor} in the bank, where {least} to {most} can have been"


def _empty_promises(history: History) -> Iterable[str]:
    """Nothing that was asked while the bank could not write is acknowledged before it can.

    What was asked earlier may have been written already, and be told now.
    """
    for silence in history.silences:
        for operation in history.operations:
            is_within = silence.began_at < operation.began_at and operation.ended_at < silence.ended_at
            if is_within and operation.answer == "acknowledged":
                yield f"{operation.marker} was acknowledged by a bank that could write nothing"
