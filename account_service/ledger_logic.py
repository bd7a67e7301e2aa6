"""How balances change: each transaction is decided once, in one commit with the new balances.

A posting is that decision together with the order that it decides. It is kept whatever the decision is, so that an
order that comes again, however late and from whomever, gets the first decision and moves nothing. Who wants to know
what has been decided reads the postings in their order.

Every payment passes here, many in one batch: orders and postings are dicts, the rows of their table.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from account_service.account_models import SUSPENSE_ACCOUNT_ID
from account_service.ledger_schemas import Decision, KeptOrder, Order, Posting, Result, Verdict
from account_service.ledger_storage import LedgerStorage, LockedAccount
from shared.core.clock import now
from shared.core.texts import masked
from shared.db.outages import rerun_when_unsure

_log = logging.getLogger(__name__)
Row = dict[str, Any]
Accounts = dict[str, LockedAccount]
_ORDER = tuple(KeptOrder.__annotations__)


class _Rejected(Exception):
    """An order that the rules refuse; its only argument is the reason that is remembered."""


@dataclass
class _Ledger:
    """What a batch has read, and what it is going to write."""

    by_id: Accounts
    by_number: Accounts
    reversed_ids: set[str]
    booked_at: datetime
    by_transaction: dict[str, Row] = field(default_factory=dict)
    by_key: dict[tuple[str, str], Row] = field(default_factory=dict)
    touched: Accounts = field(default_factory=dict)
    postings: list[Row] = field(default_factory=list)

    def find(self, order: Order) -> Row | None:
        """Return the posting of the order's transaction, or else of its idempotency key."""
        if row := self.by_transaction.get(order["transaction_id"]):
            return row
        key = order["idempotency_key"]
        return self.by_key.get((order["user_id"], key)) if key else None

    def remember(self, row: Row) -> None:
        """Let the posting be found."""
        self.by_transaction[row["transaction_id"]] = row
        if row["idempotency_key"]:
            self.by_key[row["user_id"], row["idempotency_key"]] = row


def post(storage: LedgerStorage, orders: list[Order]) -> list[Decision]:
    """Decide orders that have not been decided, and answer all of them in order, in one transaction.

    Each order succeeds or fails alone. One whose transaction id or idempotency key is known gets the decision taken
    then if its content is the same, and else is answered as conflicting.
    """
    decisions = _decide_all(storage, orders, _decide)
    _log.info("decided", extra={"request_ids": _request_ids(orders)})
    return decisions


def void(storage: LedgerStorage, orders: list[Order]) -> list[Decision]:
    """Give orders up for good, but for those that were decided before: their decisions stand and are answered."""
    decisions = _decide_all(storage, orders, _give_up)
    _log.info("given up", extra={"request_ids": _request_ids(orders)})
    return decisions


def list_after(storage: LedgerStorage, sequence: int, limit: int) -> list[Posting]:
    """Return the postings behind `sequence`, in order; nothing can come between them any more."""
    rows = storage.list_postings(sequence, limit)
    accounts = _accounts_of(storage, rows)
    return [Posting(result=_result(row, accounts), order=_order(row)) for row in rows]


@rerun_when_unsure
def describe(storage: LedgerStorage, orders: list[Order]) -> int:
    """Keep the orders of postings that were decided before orders were kept; return how many lacked theirs."""
    with storage.transaction():
        return storage.describe(cast(list[Row], orders))


def _request_ids(orders: list[Order]) -> list[str]:
    return [request_id for order in orders if (request_id := order["request_id"])]


@rerun_when_unsure
def _decide_all(storage: LedgerStorage, orders: list[Order], decide: Callable[[_Ledger, Order], Row]) -> list[Decision]:
    with storage.transaction():
        ledger = _read(storage, orders)
        decided = [_decide_once(ledger, order, decide) for order in orders]
        storage.add_postings(ledger.postings)
        storage.set_balances(ledger.touched.values())
        accounts = ledger.by_id | _accounts_of(storage, [row for verdict, row in decided if verdict != "decided"])
    return [_answer(verdict, row, accounts) for verdict, row in decided]


def _accounts_of(storage: LedgerStorage, postings: list[Row]) -> Accounts:
    """Return the accounts of earlier postings. Those of a conflicting one need not be those of its order now."""
    ids = {row["from_account_id"] for row in postings} | {row["to_account_id"] for row in postings}
    return {account.id: account for account in storage.find_accounts(ids - {None})}


def _read(storage: LedgerStorage, orders: list[Order]) -> _Ledger:
    """Lock the accounts of these orders, and read the postings there are of them already."""
    ids = {order["from_account_id"] for order in orders} | {order["to_account_id"] for order in orders}
    numbers = {number for order in orders if (number := order["to_account_number"])}
    accounts = storage.lock_accounts({side for side in ids if side}.union(storage.find_by_numbers(numbers)))
    ledger = _Ledger(
        by_id={account.id: account for account in accounts},
        by_number={account.account_number: account for account in accounts},
        reversed_ids=storage.find_reversed({undone for order in orders if (undone := order["reverses_id"])}),
        booked_at=_booking_time(storage),
    )
    for row in storage.find_postings(
        [order["transaction_id"] for order in orders],
        [(order["user_id"], key) for order in orders if (key := order["idempotency_key"])],
    ):
        ledger.remember(row)
    return ledger


def _booking_time(storage: LedgerStorage) -> datetime:
    """Now, but never before the newest posting, even when the machine's clock was set back."""
    return max(now(), storage.find_last_booking() or now())


def _decide_once(ledger: _Ledger, order: Order, decide: Callable[[_Ledger, Order], Row]) -> tuple[Verdict, Row]:
    """Return the posting there is of the order, or the one that is made now, and which of both it is."""
    earlier = ledger.find(order)
    if earlier is None:
        row = decide(ledger, order)
        ledger.postings.append(row)
        ledger.remember(row)
        return "decided", row
    is_same = (earlier["user_id"], earlier["amount_minor"], earlier["fingerprint"]) == (
        order["user_id"],
        order["amount_minor"],
        order["fingerprint"],
    )
    return "repeated" if is_same else "conflicting", earlier


def _decide(ledger: _Ledger, order: Order) -> Row:
    try:
        source, target = _sides(ledger, order)
        _require_allowed(ledger, order, source, target)
    except _Rejected as rejected:
        return _posting(order, "rejected", ledger.booked_at, reason=str(rejected))
    if order["reverses_id"]:
        ledger.reversed_ids.add(order["reverses_id"])
    row = _posting(order, "posted", ledger.booked_at)
    if target:
        row["to_account_id"] = target.id
    row["from_balance_after_minor"] = _book(ledger, source, -order["amount_minor"])
    row["to_balance_after_minor"] = _book(ledger, target, order["amount_minor"])
    return row


def _give_up(ledger: _Ledger, order: Order) -> Row:
    return _posting(order, "void", ledger.booked_at)


def _posting(order: Order, outcome: str, decided_at: datetime, reason: str | None = None) -> Row:
    """Return the row of a posting, with no balances yet."""
    return {
        **order,
        "outcome": outcome,
        "reason": reason,
        "decided_at": decided_at,
        "from_balance_after_minor": None,
        "to_balance_after_minor": None,
    }


def _sides(ledger: _Ledger, order: Order) -> tuple[LockedAccount | None, LockedAccount | None]:
    """Return the customers' accounts that the money leaves and reaches; None stands for an account of the bank."""
    source_id, target_id, number = order["from_account_id"], order["to_account_id"], order["to_account_number"]
    source = ledger.by_id.get(source_id) if source_id else None
    if source is None and _is_customers(order, source_id):
        raise _Rejected("ACCOUNT_NOT_FOUND")
    target = ledger.by_number.get(number) if number else ledger.by_id.get(target_id) if target_id else None
    if target is None and (number or _is_customers(order, target_id)):
        raise _Rejected("PAYEE_NOT_FOUND" if source else "ACCOUNT_NOT_FOUND")
    return source, target


def _is_customers(order: Order, account_id: str | None) -> bool:
    """Whether a side of an order must be a customer's account. A reversal may name the suspense account instead."""
    return account_id is not None and not (order["reverses_id"] and account_id == SUSPENSE_ACCOUNT_ID)


def _require_allowed(ledger: _Ledger, order: Order, source: LockedAccount | None, target: LockedAccount | None) -> None:
    own = source or target
    if order["reverses_id"] is None and (own is None or own.user_id != order["user_id"]):
        raise _Rejected("ACCOUNT_NOT_FOUND")
    if order["reverses_id"] in ledger.reversed_ids:
        raise _Rejected("ALREADY_REVERSED")
    if source and target and source.id == target.id:
        raise _Rejected("SAME_ACCOUNT")
    if source and source.status != "active":
        raise _Rejected("ACCOUNT_NOT_ACTIVE")
    if target and target.status != "active":
        raise _Rejected("PAYEE_NOT_ACTIVE" if source else "ACCOUNT_NOT_ACTIVE")
    if source and source.balance_minor < order["amount_minor"]:
        raise _Rejected("INSUFFICIENT_FUNDS")


def _book(ledger: _Ledger, account: LockedAccount | None, amount_minor: int) -> int | None:
    """Change a balance and return it. An account of the bank has none to keep."""
    if account is None:
        return None
    account.balance_minor += amount_minor
    ledger.touched[account.id] = account
    return account.balance_minor


def _answer(verdict: Verdict, row: Row, accounts: Accounts) -> Decision:
    """Return what the asker needs to know: their own order only if it was not decided now."""
    return Decision(verdict=verdict, result=_result(row, accounts), order=None if verdict == "decided" else _order(row))


def _order(row: Row) -> KeptOrder:
    return cast(KeptOrder, {name: row[name] for name in _ORDER})


def _result(row: Row, accounts: Accounts) -> Result:
    """Return what others may know of a decision: of a payee nothing before money has reached them."""
    source, target, number = accounts.get(row["from_account_id"]), accounts.get(row["to_account_id"]), None
    source_user_id = source.user_id if source else None
    target_user_id = target.user_id if target else None
    if row["outcome"] != "posted" and not row["reverses_id"]:
        number, source, target = row["to_account_number"], None, None
        source_user_id, target_user_id = (row["user_id"], None) if row["from_account_id"] else (None, row["user_id"])
    return Result(
        sequence=row["sequence"],
        outcome=row["outcome"],
        reason=row["reason"],
        decided_at=row["decided_at"],
        to_account_id=row["to_account_id"],
        from_user_id=source_user_id,
        from_masked_number=masked(source.account_number) if source else None,
        from_balance_after_minor=row["from_balance_after_minor"],
        to_user_id=target_user_id,
        to_masked_number=masked(target.account_number) if target else masked(number) if number else None,
        to_balance_after_minor=row["to_balance_after_minor"],
    )
