"""How balances change: each transaction is decided once, in one commit with its ledger entries and the new balances.

A posting is that decision together with the order that it decides. It is kept whatever the decision is, so that an
order that comes again, however late and from whomever, gets the first decision and moves nothing. Who wants to know
what has been decided reads the postings in their order.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from account_service.account_models import SETTLEMENT_ACCOUNT_ID, SUSPENSE_ACCOUNT_ID
from account_service.account_schemas import masked
from account_service.ledger_schemas import Decision, PostingOrder, PostingOut, Verdict
from account_service.ledger_storage import LedgerStorage, LockedAccount
from shared.outages import rerun_when_unsure
from shared.periods import now

_log = logging.getLogger(__name__)
Row = dict[str, Any]
Accounts = dict[UUID | None, LockedAccount]


class _Rejected(Exception):
    """An order that the rules refuse; its only argument is the reason that is remembered."""


@dataclass
class _Ledger:
    """What a batch has read, and what it is going to write. Postings and entries are rows of their tables."""

    by_id: Accounts
    by_number: dict[str, LockedAccount]
    reversed_ids: set[UUID]
    booked_at: datetime
    by_transaction: dict[UUID, Row] = field(default_factory=dict)
    by_key: dict[tuple[UUID, str], Row] = field(default_factory=dict)
    touched: dict[UUID, LockedAccount] = field(default_factory=dict)
    postings: list[Row] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)

    def find(self, order: PostingOrder) -> Row | None:
        """The posting of the order's transaction, or else of its idempotency key."""
        if row := self.by_transaction.get(order.transaction_id):
            return row
        return self.by_key.get((order.user_id, order.idempotency_key)) if order.idempotency_key else None

    def remember(self, row: Row) -> None:
        """Let the posting be found."""
        self.by_transaction[row["transaction_id"]] = row
        if row["idempotency_key"]:
            self.by_key[row["user_id"], row["idempotency_key"]] = row


def post(storage: LedgerStorage, orders: list[PostingOrder]) -> list[Decision]:
    """Decide orders that have not been decided, and answer all of them in order, in one transaction.

    Each order succeeds or fails alone. One whose transaction id or idempotency key is known gets the decision taken
    then if its content is the same, and else is answered as conflicting.
    """
    decisions = _decide_all(storage, orders, _decide)
    _log.info("decided", extra={"request_ids": _request_ids(orders)})
    return decisions


def void(storage: LedgerStorage, orders: list[PostingOrder]) -> list[Decision]:
    """Give orders up for good, but for those that were decided before: their decisions stand and are answered."""
    decisions = _decide_all(storage, orders, _give_up)
    _log.info("given up", extra={"request_ids": _request_ids(orders)})
    return decisions


def list_after(storage: LedgerStorage, sequence: int, limit: int) -> list[PostingOut]:
    """Return the postings behind `sequence`, in order; nothing can come between them any more."""
    rows = storage.list_postings(sequence, limit)
    ids = {row[side] for row in rows for side in ("from_account_id", "to_account_id")}
    accounts: Accounts = {account.id: account for account in storage.find_accounts(ids - {None})}
    return [_told(row, accounts) for row in rows]


@rerun_when_unsure
def describe(storage: LedgerStorage, orders: list[PostingOrder]) -> int:
    """Keep the orders of postings that were decided before orders were kept; return how many lacked theirs."""
    with storage.transaction():
        return storage.describe([_content(order) for order in orders])


def _request_ids(orders: list[PostingOrder]) -> list[str]:
    return [order.request_id for order in orders if order.request_id]


@rerun_when_unsure
def _decide_all(
    storage: LedgerStorage, orders: list[PostingOrder], decide: Callable[[_Ledger, PostingOrder], Row]
) -> list[Decision]:
    with storage.transaction():
        ledger = _read(storage, orders)
        decided = [_decide_once(ledger, order, decide) for order in orders]
        storage.add_postings(ledger.postings)
        storage.add_entries(ledger.entries)
        storage.set_balances(ledger.touched.values())
    return [Decision(verdict, _told(row, ledger.by_id)) for verdict, row in decided]


def _read(storage: LedgerStorage, orders: list[PostingOrder]) -> _Ledger:
    """Lock the accounts of these orders, and those of the postings there are of them already."""
    ids = {side for order in orders for side in (order.from_account_id, order.to_account_id) if side}
    numbers = {order.to_account_number for order in orders if order.to_account_number}
    accounts = storage.lock_accounts(ids.union(storage.find_by_numbers(numbers)))
    ledger = _Ledger(
        by_id={account.id: account for account in accounts},
        by_number={account.account_number: account for account in accounts},
        reversed_ids=storage.find_reversed(order.reverses_id for order in orders if order.reverses_id),
        booked_at=_booking_time(storage),
    )
    for row in storage.find_postings(
        {order.transaction_id for order in orders},
        {(order.user_id, order.idempotency_key) for order in orders if order.idempotency_key},
    ):
        ledger.remember(row)
    return ledger


def _booking_time(storage: LedgerStorage) -> datetime:
    """Now, but never before the newest posting, even when the machine's clock was set back."""
    return max(now(), storage.find_last_booking() or now())


def _decide_once(
    ledger: _Ledger, order: PostingOrder, decide: Callable[[_Ledger, PostingOrder], Row]
) -> tuple[Verdict, Row]:
    """The posting there is of the order, or the one that is made now, and which of both it is."""
    earlier = ledger.find(order)
    if earlier is None:
        row = decide(ledger, order)
        ledger.postings.append(row)
        ledger.remember(row)
        return "decided", row
    is_same = all(earlier[name] == getattr(order, name) for name in ("user_id", "amount_minor", "fingerprint"))
    return "repeated" if is_same else "conflicting", earlier


def _decide(ledger: _Ledger, order: PostingOrder) -> Row:
    row = _content(order) | {"decided_at": ledger.booked_at, "reason": None}
    row |= {"from_balance_after_minor": None, "to_balance_after_minor": None}
    try:
        source, target = _sides(ledger, order)
        _require_allowed(ledger, order, source, target)
    except _Rejected as rejected:
        return row | {"outcome": "rejected", "reason": str(rejected)}
    if order.reverses_id:
        ledger.reversed_ids.add(order.reverses_id)
    return row | {
        "outcome": "posted",
        "to_account_id": target.id if target else order.to_account_id,
        "from_balance_after_minor": _book(ledger, order, source, -order.amount_minor),
        "to_balance_after_minor": _book(ledger, order, target, order.amount_minor),
    }


def _give_up(ledger: _Ledger, order: PostingOrder) -> Row:
    row = _content(order) | {"outcome": "void", "decided_at": ledger.booked_at, "reason": None}
    return row | {"from_balance_after_minor": None, "to_balance_after_minor": None}


def _content(order: PostingOrder) -> Row:
    """What a posting keeps of its order."""
    return dict(order)


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


def _book(ledger: _Ledger, order: PostingOrder, account: LockedAccount | None, amount_minor: int) -> int | None:
    """Enter one side of a posted order, and return the balance after it.

    An account of the bank gets its entry, but has no balance to keep.
    """
    balance_minor = None
    if account:
        account.balance_minor += amount_minor
        balance_minor = account.balance_minor
        ledger.touched[account.id] = account
    of_bank = (order.from_account_id if amount_minor < 0 else order.to_account_id) or SETTLEMENT_ACCOUNT_ID
    ledger.entries.append(
        {
            "transaction_id": order.transaction_id,
            "account_id": account.id if account else of_bank,
            "amount_minor": amount_minor,
            "balance_after_minor": balance_minor,
            "booked_at": ledger.booked_at,
        }
    )
    return balance_minor


def _told(row: Row, accounts: Accounts) -> PostingOut:
    """A posting as others may know it: of a payee nothing before money has reached them."""
    source, target = accounts.get(row["from_account_id"]), accounts.get(row["to_account_id"])
    number = row["to_account_number"]
    if row["outcome"] == "posted" or row["reverses_id"]:
        sides = _told_side(source, "from") | _told_side(target, "to")
    else:
        own = "from" if row["from_account_id"] else "to"
        sides = _told_side(None, "from") | _told_side(None, "to") | {f"{own}_user_id": row["user_id"]}
        sides["to_masked_number"] = masked(number) if number else None
    return PostingOut(**row, **sides)


def _told_side(account: LockedAccount | None, side: str) -> Row:
    return {
        f"{side}_user_id": account.user_id if account else None,
        f"{side}_masked_number": masked(account.account_number) if account else None,
    }
