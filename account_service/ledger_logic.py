"""The rules of the ledger: each order is decided once, in one commit with the new balances.

A posting is the decision together with its order. Rejections are stored like postings, so a repeated order gets the
first decision, however late and from whichever instance it comes, and moves no money. Other services read the decisions
as a feed of postings, in the order of their sequences.

All payments pass through this module, in batches. Orders and postings are dicts, one for each row of the table, because
an object for each would cost too much time.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from account_service.account_models import OPEN_TILL_ID, OVER_AND_SHORT_ACCOUNT_ID, SUSPENSE_ACCOUNT_ID
from account_service.ledger_schemas import ORDER_FIELDS, Decision, KeptOrder, Order, Posting, Result, Verdict
from account_service.ledger_storage import LedgerStorage, LockedAccount, LockedTill
from shared.core.clock import now
from shared.core.ids import dashed
from shared.core.texts import masked
from shared.db.outages import rerun_when_unsure
from shared.web import audit_trail
from shared.web.audit_trail import Outcome

Row = dict[str, Any]
Accounts = dict[str | None, LockedAccount]
"""Customers' accounts by id. The settlement account, None, is never among them."""
_AUDITED: dict[str, Outcome] = {"posted": "success", "rejected": "refused", "void": "failure"}


class _Rejected(Exception):
    """The rules refuse the order. The only argument is the reason, which is stored in the posting."""


@dataclass
class _Batch:
    """The rows that a batch of orders has read, and those that it will write.

    `other_sides` are the sides of orders that are no customers' accounts. Ordinary payments have none.
    """

    by_id: Accounts
    by_number: dict[str, LockedAccount]
    other_sides: set[str]
    tills: list[LockedTill]
    reversed_ids: set[str]
    booked_at: datetime
    by_transaction: dict[str, Row] = field(default_factory=dict)
    by_key: dict[tuple[str, str], Row] = field(default_factory=dict)
    changed_accounts: Accounts = field(default_factory=dict)
    postings: list[Row] = field(default_factory=list)

    def find(self, order: Order) -> Row | None:
        """Return the posting with the order's transaction id, else the one with its idempotency key, else None."""
        if row := self.by_transaction.get(order["transaction_id"]):
            return row
        key = order["idempotency_key"]
        return self.by_key.get((order["user_id"], key)) if key else None

    def index(self, row: Row) -> None:
        """Index a posting by its transaction id and its idempotency key, for `find`."""
        self.by_transaction[row["transaction_id"]] = row
        if row["idempotency_key"]:
            self.by_key[row["user_id"], row["idempotency_key"]] = row

    def find_till(self, order: Order) -> LockedTill | None:
        """Return the till on one side of an order, else None. Raises _Rejected when its user has none open.

        A counter booking names the user's open till by OPEN_TILL_ID; a reversal names the till of what it reverses.
        """
        if _counter_side(order) == OPEN_TILL_ID:
            open_till = next((one for one in self.tills if one.is_open and one.user_id == order["user_id"]), None)
            if open_till is None:
                raise _Rejected("TILL_NOT_OPEN")
            return open_till
        if order["reverses_id"] is None:
            return None
        sides = order["from_account_id"], order["to_account_id"]
        return next((one for one in self.tills if one.id in sides), None)


def post(storage: LedgerStorage, orders: list[Order]) -> list[Decision]:
    """Decide a batch of orders in one transaction, and return one decision for each, in the same order.

    Each order is decided independently. An order whose transaction id or idempotency key already has a posting gets
    that decision: as "repeated" if the content is the same, as "conflicting" if it is not.
    """
    return _decide_all(storage, orders, _decide)


def void(storage: LedgerStorage, orders: list[Order]) -> list[Decision]:
    """Write a void posting for each order that is not decided yet, and return one decision for each order.

    An order that was decided before keeps that decision.
    """
    return _decide_all(storage, orders, _void_order)


def list_after(storage: LedgerStorage, sequence: int, limit: int) -> list[Posting]:
    """Return at most `limit` postings after `sequence`, in order and without gaps that could still be filled."""
    rows = storage.list_postings(sequence, limit)
    accounts = _read_accounts(storage, rows)
    return [Posting(result=_to_result(row, accounts), order=_to_order(row)) for row in rows]


@rerun_when_unsure
def describe(storage: LedgerStorage, orders: list[Order]) -> int:
    """Store the orders of postings that are older than the order columns. Return how many postings were updated."""
    with storage.transaction():
        return storage.describe(cast(list[Row], orders))


@rerun_when_unsure
def _decide_all(storage: LedgerStorage, orders: list[Order], decide: Callable[[_Batch, Order], Row]) -> list[Decision]:
    with storage.transaction():
        batch = _read_batch(storage, orders)
        decided = [_decide_or_repeat(batch, order, decide) for order in orders]
        storage.add_postings(batch.postings)
        storage.set_balances(batch.changed_accounts.values())
        storage.set_cash(batch.tills)
        _audit_staff(storage, batch)
        accounts = batch.by_id | _read_accounts(storage, [row for verdict, row in decided if verdict != "decided"])
    may_differ = bool(batch.other_sides)  # the order of a new posting from the one that was sent, by the id of a till
    return [
        Decision(
            verdict=verdict,
            result=_to_result(row, accounts),
            order=_to_order(row) if may_differ or verdict != "decided" else None,
        )
        for verdict, row in decided
    ]


def _audit_staff(storage: LedgerStorage, batch: _Batch) -> None:
    """Write what staff has ordered into the audit trail: reversals, and bookings at the counter."""
    for row in batch.postings:
        if row["reverses_id"] or (batch.other_sides and _counter_side(row)):
            _audit(storage, row, batch.by_id.get(row["to_account_id"]) or batch.by_id.get(row["from_account_id"]))


def _audit(storage: LedgerStorage, row: Row, account: LockedAccount | None) -> None:
    details = {"transaction_id": dashed(row["transaction_id"]), "amount_minor": row["amount_minor"]}
    if row["reverses_id"]:
        action = "suspense.pay_out" if row["from_account_id"] == SUSPENSE_ACCOUNT_ID else "transaction.reverse"
        details["reverses"] = dashed(row["reverses_id"])
    else:
        action = "counter.deposit" if row["transaction_type"] == "deposit" else "counter.withdraw"
        if account:
            details["account"] = masked(account.account_number)
    if row["reason"]:
        details["reason"] = row["reason"]
    audit_trail.record(
        storage.outbox,
        action,
        actor_id=UUID(row["user_id"]),
        subject_id=UUID(account.user_id) if account else None,
        outcome=_AUDITED[row["outcome"]],
        request_id=row["request_id"],
        details=details,
    )


def _read_accounts(storage: LedgerStorage, postings: list[Row]) -> Accounts:
    """Return the accounts of earlier postings by id.

    `_read_batch` has not read them all: a conflicting order may name other accounts than its earlier posting.
    """
    return {account.id: account for account in storage.find_accounts(_sides(postings))}


def _sides(orders: Iterable[Order | Row]) -> set[str]:
    """Return the ids on both sides of orders or postings."""
    return {side for order in orders for side in (order["from_account_id"], order["to_account_id"]) if side}


def _read_batch(storage: LedgerStorage, orders: list[Order]) -> _Batch:
    """Lock the accounts of the orders, and read the postings that exist for their ids and keys."""
    sides, numbers = _sides(orders), {number for order in orders if (number := order["to_account_number"])}
    accounts = storage.lock_accounts(sides.union(storage.find_by_numbers(numbers)))
    other_sides = sides.difference(account.id for account in accounts)
    tellers = {order["user_id"] for order in orders} if OPEN_TILL_ID in other_sides else set()
    batch = _Batch(
        by_id={account.id: account for account in accounts},
        by_number={account.account_number: account for account in accounts},
        other_sides=other_sides,
        tills=storage.lock_tills(other_sides, tellers) if other_sides else [],
        reversed_ids=storage.find_reversed({reversed_id for order in orders if (reversed_id := order["reverses_id"])}),
        booked_at=decision_time(storage),
    )
    for row in storage.find_postings(
        [order["transaction_id"] for order in orders],
        [(order["user_id"], key) for order in orders if (key := order["idempotency_key"])],
    ):
        batch.index(row)
    return batch


def decision_time(storage: LedgerStorage) -> datetime:
    """Return the present instant, or that of the newest posting if the system clock was set back since."""
    return max(now(), storage.find_last_booking() or now())


def _decide_or_repeat(batch: _Batch, order: Order, decide: Callable[[_Batch, Order], Row]) -> tuple[Verdict, Row]:
    """Return the verdict on an order and its posting, which is made by `decide` unless one exists."""
    earlier = batch.find(order)
    if earlier is None:
        row = decide(batch, order)
        batch.postings.append(row)
        batch.index(row)
        return "decided", row
    is_same = (earlier["user_id"], earlier["amount_minor"], earlier["fingerprint"]) == (
        order["user_id"],
        order["amount_minor"],
        order["fingerprint"],
    )
    return "repeated" if is_same else "conflicting", earlier


def _decide(batch: _Batch, order: Order) -> Row:
    try:
        till = batch.find_till(order) if batch.other_sides else None
        source, target = _find_sides(batch, order, till)
        _require_allowed(batch, order, source, target, till)
    except _Rejected as rejected:
        return make_posting(order, "rejected", batch.booked_at, reason=str(rejected))
    if order["reverses_id"]:
        batch.reversed_ids.add(order["reverses_id"])
    row = make_posting(order, "posted", batch.booked_at)
    if target:
        row["to_account_id"] = target.id
    if till:
        _move_cash(row, till)
    row["from_balance_after_minor"] = _change_balance(batch, source, -order["amount_minor"])
    row["to_balance_after_minor"] = _change_balance(batch, target, order["amount_minor"])
    return row


def _void_order(batch: _Batch, order: Order) -> Row:
    return make_posting(order, "void", batch.booked_at)


def _counter_side(order: Order | Row) -> str | None:
    """Return the till of a deposit or a withdrawal at the counter; None for any other order."""
    return {"deposit": order["from_account_id"], "withdrawal": order["to_account_id"]}.get(order["transaction_type"])


def _move_cash(row: Row, till: LockedTill) -> None:
    """Put the till on its side of a posting, and change its cash.

    What a reversal moves for a till that is closed was part of its count, so it goes to the differences.
    """
    is_source = _is_source(till, row)
    row["from_account_id" if is_source else "to_account_id"] = till.id if till.is_open else OVER_AND_SHORT_ACCOUNT_ID
    if till.is_open:
        till.cash_minor += row["amount_minor"] if is_source else -row["amount_minor"]


def _is_source(till: LockedTill, order: Order | Row) -> bool:
    """Return whether the money of an order comes from the till, which then takes in cash."""
    return order["from_account_id"] in (OPEN_TILL_ID, till.id)


def make_posting(order: Order, outcome: str, decided_at: datetime, reason: str | None = None) -> Row:
    """Return the row of a posting, without sequence and balances."""
    return {
        **order,
        "outcome": outcome,
        "reason": reason,
        "decided_at": decided_at,
        "from_balance_after_minor": None,
        "to_balance_after_minor": None,
    }


def _find_sides(
    batch: _Batch, order: Order, till: LockedTill | None
) -> tuple[LockedAccount | None, LockedAccount | None]:
    """Return the customers' accounts that the money leaves and reaches; None is an account of the bank.

    Raises _Rejected when an account does not exist. Only a reversal may name the suspense account.
    """
    of_the_bank: tuple[str | None, ...] = (None, OPEN_TILL_ID, till.id) if till else (None,)
    if order["reverses_id"]:
        of_the_bank += (SUSPENSE_ACCOUNT_ID,)
    source_id, target_id, number = order["from_account_id"], order["to_account_id"], order["to_account_number"]
    source = batch.by_id.get(source_id)
    if source is None and source_id not in of_the_bank:
        raise _Rejected("ACCOUNT_NOT_FOUND")
    target = batch.by_number.get(number) if number else batch.by_id.get(target_id)
    if target is None and (number or target_id not in of_the_bank):
        raise _Rejected("PAYEE_NOT_FOUND" if source else "ACCOUNT_NOT_FOUND")
    return source, target


def _require_allowed(
    batch: _Batch, order: Order, source: LockedAccount | None, target: LockedAccount | None, till: LockedTill | None
) -> None:
    """Raise _Rejected unless owner, status, balance, earlier reversals and the cash of an open till allow the order."""
    own = source or target
    if order["reverses_id"] is None and (own is None or (own.user_id == order["user_id"]) == bool(till)):
        raise _Rejected("OWN_ACCOUNT" if own and till else "ACCOUNT_NOT_FOUND")
    if order["reverses_id"] in batch.reversed_ids:
        raise _Rejected("ALREADY_REVERSED")
    if source and target and source.id == target.id:
        raise _Rejected("SAME_ACCOUNT")
    if source and source.status != "active":
        raise _Rejected("ACCOUNT_NOT_ACTIVE")
    if target and target.status != "active":
        raise _Rejected("PAYEE_NOT_ACTIVE" if source else "ACCOUNT_NOT_ACTIVE")
    if source and source.balance_minor < order["amount_minor"]:
        raise _Rejected("INSUFFICIENT_FUNDS")
    if till and till.is_open and not _is_source(till, order) and till.cash_minor < order["amount_minor"]:
        raise _Rejected("TILL_SHORT")


def _change_balance(batch: _Batch, account: LockedAccount | None, amount_minor: int) -> int | None:
    """Add a signed amount to a balance and return the new balance; None for an account of the bank, which has none."""
    if account is None:
        return None
    account.balance_minor += amount_minor
    batch.changed_accounts[account.id] = account
    return account.balance_minor


def _to_order(row: Row) -> KeptOrder:
    return cast(KeptOrder, {name: row[name] for name in ORDER_FIELDS})


def _to_result(row: Row, accounts: Accounts) -> Result:
    """Return the result of a posting. It names the payee only if money has moved to them, or would by a reversal."""
    source, target, number = accounts.get(row["from_account_id"]), accounts.get(row["to_account_id"]), None
    source_user_id = source.user_id if source else None
    target_user_id = target.user_id if target else None
    if row["outcome"] != "posted" and not row["reverses_id"]:
        number, source, target = row["to_account_number"], None, None
        user_id = None if _counter_side(row) else row["user_id"]
        source_user_id, target_user_id = (user_id, None) if row["from_account_id"] else (None, user_id)
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
