"""The posting protocol: how a payment gets from asked for to completed or failed, whatever dies in between.

1. With no database transaction open, the ledger is asked to decide the order. Asking again is safe: it decides an order
   once, known by its transaction id and by its idempotency key, and keeps it.
2. (The ledger decides, in one commit of its own.)
3. What it decided is projected here, and told.

If the ledger is silent, the order is kept here as a pending transaction, durably, before anybody is told of it. Pending
transactions are sent again while they are young, and later given up: the ledger then promises that they will never
happen, or says that they have.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

from shared.core.clock import now
from shared.core.errors import AppError, OutcomeUnknown, Unprocessable
from shared.core.texts import masked
from shared.db.outages import rerun_when_unsure
from transaction_service.projection_logic import Projection, order_of
from transaction_service.transaction_clients import Decision, LedgerClient, Order
from transaction_service.transaction_models import Transaction
from transaction_service.transaction_storage import TransactionStorage

VOID_AFTER = timedelta(minutes=2)
BATCH_SIZE = 128
_log = logging.getLogger(__name__)


class IdempotencyKeyReused(Unprocessable):
    """The key was used before, for something else."""

    code = "IDEMPOTENCY_KEY_REUSED"
    message = "This Idempotency-Key was used for another request. Use a new key for a new request."


class Outcome(NamedTuple):
    """What came of a request; `replayed` when it came again and the first outcome is given."""

    transaction: Transaction
    replayed: bool = False


@dataclass
class PostingTools:
    """What the protocol works with.

    `may_be_pending` is false while no transaction is pending as far as this process knows, so that payments need not
    look for one of their key. Another process may know better for a second, until `resend` looks again: then the
    ledger decides one of the two orders of that key, and the other transaction ends with it.
    """

    storage: TransactionStorage
    ledger: LedgerClient
    projection: Projection
    may_be_pending: bool = True


def carry_out(tools: PostingTools, orders: list[Order]) -> list[Outcome | Exception]:
    """Carry out a batch of orders: return what came of each, or the error that its asker gets.

    That is IdempotencyKeyReused, ServiceUnavailable when nothing was begun, or OutcomeUnknown when what was begun could
    not be written.
    """
    try:
        return _process(tools, orders) if orders else []
    except Exception as error:
        return [error] * len(orders)


def _process(tools: PostingTools, orders: list[Order]) -> list[Outcome | Exception]:
    tools.projection.require_working()
    known = _pending_of(tools, orders)
    sent = [order_of(earlier) if earlier else order for order, earlier in zip(orders, known, strict=True)]
    try:
        decisions = _ask(tools.ledger.post, sent)
        if decisions is None:
            transactions = keep(tools.storage, sent)
            tools.may_be_pending = True  # after the commit, see `resend`
        else:
            transactions = tools.projection.project([decision.posting for decision in decisions])
    except Exception:
        _log.exception("what came of %d orders could not be written", len(orders))
        raise OutcomeUnknown from None
    repeated = [decision.verdict == "repeated" for decision in decisions or ()] or [False] * len(orders)
    return [
        _outcome(order, transaction, is_replayed)
        for order, transaction, is_replayed in zip(orders, transactions, repeated, strict=True)
    ]


def _pending_of(tools: PostingTools, orders: list[Order]) -> list[Transaction | None]:
    """For each order the pending transaction of the same key: that is sent again, under the id that was told."""
    if not tools.may_be_pending:
        return [None] * len(orders)
    keys = [(order["user_id"], order["idempotency_key"]) for order in orders]
    found = tools.storage.find_pending((user_id, key) for user_id, key in keys if key)
    return [found.get((user_id, key)) if key else None for user_id, key in keys]


def _outcome(order: Order, transaction: Transaction, is_replayed: bool) -> Outcome | Exception:
    if transaction.fingerprint != order["fingerprint"]:
        return IdempotencyKeyReused()
    return Outcome(transaction, is_replayed or transaction.id != order["transaction_id"])


@rerun_when_unsure
def keep(storage: TransactionStorage, orders: list[Order]) -> list[Transaction]:
    """Keep orders whose outcome is not known as pending, durably, and return what is kept of each.

    That is an earlier transaction when its outcome has become known meanwhile, or when it has the same key.
    """
    pending = [pending_transaction(order) for order in orders]
    with storage.transaction():
        earlier = [_earlier(storage, order) for order in orders]
        storage.add_pending([row for row, known in zip(pending, earlier, strict=True) if known is None])
        by_key = storage.find_pending((row.user_id, row.idempotency_key) for row in pending if row.idempotency_key)
    return [
        known or by_key.get((row.user_id, row.idempotency_key or ""), row)
        for row, known in zip(pending, earlier, strict=True)
    ]


def _earlier(storage: TransactionStorage, order: Order) -> Transaction | None:
    """The order's transaction if it is here already, or an earlier one of its key."""
    if found := storage.find_transaction(order["transaction_id"]):
        return found
    return storage.find_recent(order["user_id"], order["idempotency_key"]) if order["idempotency_key"] else None


def resend(tools: PostingTools) -> int:
    """Take pending transactions to their end while the ledger answers; how many got there."""
    settled, last = 0, None
    tools.may_be_pending = False  # before it is looked: what is kept meanwhile is either seen or says so itself
    while rows := tools.storage.list_pending(last, BATCH_SIZE):
        tools.may_be_pending = True
        last, at = (rows[-1].timestamp, rows[-1].id), now()
        young = [row for row in rows if at - row.created_at < VOID_AFTER]
        old = [row for row in rows if at - row.created_at >= VOID_AFTER]
        sent = {"request_ids": [row.request_id for row in rows if row.request_id]}
        _log.info("%d pending transactions are sent again, %d of them to be given up", len(rows), len(old), extra=sent)
        for call, some in ((tools.ledger.post, young), (tools.ledger.void, old)):
            decisions = _ask(call, [order_of(row) for row in some]) if some else []
            if decisions is None:
                return settled
            _settle(tools, some, decisions)
            settled += len(some)
    return settled


def _settle(tools: PostingTools, pending: list[Transaction], decisions: list[Decision]) -> None:
    """Project what was decided. A pending transaction whose key was decided under another id ends with that one."""
    decided = tools.projection.project([decision.posting for decision in decisions])
    for row, decision, transaction in zip(pending, decisions, decided, strict=True):
        if transaction.id == row.id and decision.verdict == "conflicting":
            _log.error("transaction %s was decided with other content", row.id)
        elif transaction.id != row.id:
            with tools.storage.transaction():
                if decision.verdict == "conflicting":
                    tools.storage.project([replace(row, status="failed", reason=IdempotencyKeyReused.code)])
                else:
                    tools.storage.remove_pending(row.id, decided_as=transaction.id)


def _ask(call: Callable[[list[Order]], list[Decision]], orders: list[Order]) -> list[Decision] | None:
    """What the ledger says to each order; None when that can't be known."""
    try:
        return call(orders)
    except AppError as error:
        _log.warning("the outcome of %d orders is not known: %s", len(orders), error.code)
        return None


def pending_transaction(order: Order) -> Transaction:
    """An order whose outcome is not known. It belongs to the asker's side; a reversal has none."""
    is_reversal, user_id, number = order["reverses_id"] is not None, order["user_id"], order["to_account_number"]
    pays = order["from_account_id"] is not None
    return Transaction(
        id=order["transaction_id"],
        user_id=user_id,
        transaction_type=order["transaction_type"],
        amount_minor=order["amount_minor"],
        status="pending",
        fingerprint=order["fingerprint"],
        created_at=order["requested_at"],
        timestamp=order["requested_at"],
        description=order["description"],
        from_account_id=order["from_account_id"],
        to_account_id=order["to_account_id"],
        to_account_number=number,
        reverses_id=order["reverses_id"],
        from_user_id=user_id if pays and not is_reversal else None,
        to_user_id=None if pays or is_reversal else user_id,
        to_masked_number=masked(number) if number else None,
        idempotency_key=order["idempotency_key"],
        request_id=order["request_id"],
    )
