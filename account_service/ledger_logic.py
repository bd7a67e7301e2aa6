"""How balances change: each transaction is decided once, in one commit with its ledger entries and the new balances.

Decisions are remembered whatever they are, so that an order that comes again, however late, gets the first answer and
moves nothing.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from account_service.account_models import SETTLEMENT_ACCOUNT_ID, SUSPENSE_ACCOUNT_ID, LedgerEntry
from account_service.account_schemas import masked
from account_service.ledger_schemas import Decision, Leg, PostingOrder
from account_service.ledger_storage import Decided, LedgerStorage, LockedAccount
from shared.outages import rerun_when_unsure
from shared.periods import now

_log = logging.getLogger(__name__)


class _Rejected(Exception):
    """An order that the rules refuse; its only argument is the reason that is remembered."""


@dataclass
class _Ledger:
    """What a batch has read, and what it is going to write."""

    by_id: dict[UUID, LockedAccount]
    by_number: dict[str, LockedAccount]
    reversed_ids: set[UUID]
    booked_at: datetime
    touched: dict[UUID, LockedAccount] = field(default_factory=dict)
    postings: list[dict[str, Any]] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)


@rerun_when_unsure
def post(storage: LedgerStorage, orders: list[PostingOrder]) -> list[Decision]:
    """Decide orders that have not been decided, and answer all of them in order, in one transaction.

    Each order succeeds or fails alone. An order whose transaction id was decided with other content is answered as
    rejected for DIGEST_MISMATCH, and the decision stands.
    """
    with storage.transaction():
        ledger = _lock(storage, orders)
        postings = storage.find_postings({order.transaction_id for order in orders})
        decided = _remembered(storage, postings.values())
        digests = {posting.transaction_id: posting.digest for posting in postings.values()}
        decisions = [_decide_once(ledger, order, decided, digests) for order in orders]
        storage.add_postings(ledger.postings)
        storage.add_entries(ledger.entries)
        storage.set_balances(ledger.touched.values())
    _log.info("decided", extra={"request_ids": [order.request_id for order in orders if order.request_id]})
    return decisions


@rerun_when_unsure
def void(storage: LedgerStorage, transaction_ids: list[UUID], request_ids: Sequence[str] = ()) -> list[Decision]:
    """Give transactions up, but for those that were decided before: their decisions stand and are answered.

    `request_ids` are written to the log.
    """
    with storage.transaction():
        decided = _remembered(storage, storage.find_postings(set(transaction_ids)).values())
        decided_at = _booking_time(storage)
        undecided = [
            transaction_id for transaction_id in dict.fromkeys(transaction_ids) if transaction_id not in decided
        ]
        storage.add_postings([_posting(transaction_id, "void", decided_at, digest="") for transaction_id in undecided])
        for transaction_id in undecided:
            decided[transaction_id] = Decision(transaction_id=transaction_id, outcome="void", booked_at=decided_at)
    _log.info("given up", extra={"request_ids": request_ids})
    return [decided[transaction_id] for transaction_id in transaction_ids]


def _lock(storage: LedgerStorage, orders: list[PostingOrder]) -> _Ledger:
    ids = {side for order in orders for side in (order.from_account_id, order.to_account_id) if side}
    numbers = {order.to_account_number for order in orders if order.to_account_number}
    accounts = storage.lock_accounts(ids.union(storage.find_by_numbers(numbers)))
    return _Ledger(
        by_id={account.id: account for account in accounts},
        by_number={account.account_number: account for account in accounts},
        reversed_ids=storage.find_reversed(order.reverses_id for order in orders if order.reverses_id),
        booked_at=_booking_time(storage),
    )


def _booking_time(storage: LedgerStorage) -> datetime:
    """Now, but never before the newest entry, even when the machine's clock was set back."""
    return max(now(), storage.find_last_booking() or now())


def _decide_once(
    ledger: _Ledger, order: PostingOrder, decided: dict[UUID, Decision], digests: dict[UUID, str]
) -> Decision:
    """The decision there is for the order's transaction, or one taken now and kept in `decided` and `digests`."""
    digest = order.digest()
    if order.transaction_id not in decided:
        decided[order.transaction_id] = _decide(ledger, order, digest)
        digests[order.transaction_id] = digest
    decision = decided[order.transaction_id]
    if decision.outcome != "void" and digests[order.transaction_id] != digest:
        return _rejection(order, "DIGEST_MISMATCH", ledger.booked_at)
    return decision


def _decide(ledger: _Ledger, order: PostingOrder, digest: str) -> Decision:
    try:
        source, target = _sides(ledger, order)
        _require_allowed(ledger, order, source, target)
    except _Rejected as rejected:
        reason = str(rejected)
        row = _posting(order.transaction_id, "rejected", ledger.booked_at, digest=digest, reason=reason)
        ledger.postings.append(row)
        return _rejection(order, reason, ledger.booked_at)
    row = _posting(order.transaction_id, "posted", ledger.booked_at, digest=digest, reverses_id=order.reverses_id)
    ledger.postings.append(row)
    if order.reverses_id:
        ledger.reversed_ids.add(order.reverses_id)
    legs = (_book(ledger, order, source, -order.amount_minor), _book(ledger, order, target, order.amount_minor))
    return Decision(
        transaction_id=order.transaction_id,
        outcome="posted",
        booked_at=ledger.booked_at,
        legs=[leg for leg in legs if leg],
    )


def _rejection(order: PostingOrder, reason: str, decided_at: datetime) -> Decision:
    return Decision(transaction_id=order.transaction_id, outcome="rejected", reason=reason, booked_at=decided_at)


def _sides(ledger: _Ledger, order: PostingOrder) -> tuple[LockedAccount | None, LockedAccount | None]:
    """The customers' accounts that the money leaves and reaches; None stands for an account of the bank."""
    source = ledger.by_id.get(order.from_account_id) if order.from_account_id else None
    if source is None and _is_customers(order, order.from_account_id):
        raise _Rejected("ACCOUNT_NOT_FOUND")
    if order.to_account_number:
        target = ledger.by_number.get(order.to_account_number)
    else:
        target = ledger.by_id.get(order.to_account_id) if order.to_account_id else None
    if target is None and (order.to_account_number or _is_customers(order, order.to_account_id)):
        raise _Rejected("PAYEE_NOT_FOUND" if source else "ACCOUNT_NOT_FOUND")
    return source, target


def _is_customers(order: PostingOrder, account_id: UUID | None) -> bool:
    """Whether a side of an order must be a customer's account. A reversal may name the suspense account instead."""
    return account_id is not None and not (order.reverses_id and account_id == SUSPENSE_ACCOUNT_ID)


def _require_allowed(
    ledger: _Ledger, order: PostingOrder, source: LockedAccount | None, target: LockedAccount | None
) -> None:
    own = source or target
    if order.reverses_id is None and (own is None or own.user_id != order.user_id):
        raise _Rejected("ACCOUNT_NOT_FOUND")
    if order.reverses_id in ledger.reversed_ids:
        raise _Rejected("ALREADY_REVERSED")
    if source and target and source.id == target.id:
        raise _Rejected("SAME_ACCOUNT")
    if source and source.status != "active":
        raise _Rejected("ACCOUNT_NOT_ACTIVE")
    if target and target.status != "active":
        raise _Rejected("PAYEE_NOT_ACTIVE" if source else "ACCOUNT_NOT_ACTIVE")
    if source and source.balance_minor < order.amount_minor:
        raise _Rejected("INSUFFICIENT_FUNDS")


def _book(ledger: _Ledger, order: PostingOrder, account: LockedAccount | None, amount_minor: int) -> Leg | None:
    """Enter one side of a posted order; an account of the bank gets its entry, but has no balance to keep."""
    if account:
        account.balance_minor += amount_minor
        ledger.touched[account.id] = account
    of_bank = (order.from_account_id if amount_minor < 0 else order.to_account_id) or SETTLEMENT_ACCOUNT_ID
    ledger.entries.append(
        {
            "transaction_id": order.transaction_id,
            "account_id": account.id if account else of_bank,
            "amount_minor": amount_minor,
            "balance_after_minor": account.balance_minor if account else None,
            "booked_at": ledger.booked_at,
        }
    )
    return _leg(account, amount_minor, account.balance_minor) if account else None


def _leg(account: LockedAccount, amount_minor: int, balance_after_minor: int) -> Leg:
    return Leg(
        account_id=account.id,
        user_id=account.user_id,
        account_number=masked(account.account_number),
        amount_minor=amount_minor,
        balance_after_minor=balance_after_minor,
    )


def _posting(
    transaction_id: UUID,
    outcome: str,
    decided_at: datetime,
    *,
    digest: str,
    reason: str | None = None,
    reverses_id: UUID | None = None,
) -> dict[str, Any]:
    return {
        "transaction_id": transaction_id,
        "outcome": outcome,
        "reason": reason,
        "digest": digest,
        "reverses_id": reverses_id,
        "decided_at": decided_at,
    }


def _remembered(storage: LedgerStorage, postings: Iterable[Decided]) -> dict[UUID, Decision]:
    """Decisions taken before, with the legs that their entries tell."""
    known = {posting.transaction_id: posting for posting in postings}
    entries = storage.find_entries(known)
    accounts = storage.lock_accounts({entry.account_id for entry in entries})
    by_id = {account.id: account for account in accounts}
    legs: dict[UUID, list[Leg]] = {transaction_id: [] for transaction_id in known}
    for entry in entries:
        if entry.account_id in by_id:
            legs[entry.transaction_id].append(_entered_leg(by_id[entry.account_id], entry))
    return {
        posting.transaction_id: Decision(
            transaction_id=posting.transaction_id,
            outcome=posting.outcome,
            reason=posting.reason,
            booked_at=posting.decided_at,
            legs=legs[posting.transaction_id],
        )
        for posting in known.values()
    }


def _entered_leg(account: LockedAccount, entry: LedgerEntry) -> Leg:
    return _leg(account, entry.amount_minor, entry.balance_after_minor or 0)
