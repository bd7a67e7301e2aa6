"""The posting protocol: it brings each payment to completed or failed, whichever process dies in between.

1. Send the orders to the ledger, with no database transaction open. Repeating the call is safe: the ledger decides an
   order once, by its transaction id and its idempotency key, and stores the decision.
2. (The ledger decides, in one commit of its own.)
3. Project the postings that it returns, and answer.

If the ledger does not answer, the orders are stored here as pending transactions, durably, before the client gets a
response. Pending transactions are sent again. Those older than `VOID_AFTER` are voided instead: the ledger returns the
posting that exists, or writes a void one, after which the order can't be posted any more.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

from shared.core.clock import now
from shared.core.errors import AppError, OutcomeUnknown, ServiceUnavailable, Unprocessable
from shared.db.outages import rerun_when_unsure
from transaction_service.projection_logic import Projection, make_pending, to_order
from transaction_service.transaction_clients import Decision, LedgerClient, Order
from transaction_service.transaction_models import Transaction
from transaction_service.transaction_storage import TransactionStorage

VOID_AFTER = timedelta(minutes=2)
BATCH_SIZE = 128
_log = logging.getLogger(__name__)


class IdempotencyKeyReused(Unprocessable):
    """The key was used before, with other content."""

    code = "IDEMPOTENCY_KEY_REUSED"
    message = "This Idempotency-Key was used for another request. Use a new key for a new request."


class Outcome(NamedTuple):
    """The outcome of a request. `replayed` says that the request is a repetition, and this its first outcome."""

    transaction: Transaction
    replayed: bool = False


@dataclass
class PostingTools:
    """The objects that the protocol uses.

    `may_be_pending` is false while this process knows of no pending transaction, so that payments skip the query for
    one with their key. It may be wrong for up to a second, until `resend` looks again, if another process has stored
    one. Then the ledger decides only one of the two orders with that key, and `_settle` ends the other transaction.
    """

    storage: TransactionStorage
    ledger: LedgerClient
    projection: Projection
    may_be_pending: bool = True


def carry_out(tools: PostingTools, orders: list[Order]) -> list[Outcome | Exception]:
    """Carry out a batch of orders, and return for each its outcome or the error to answer with.

    The error is IdempotencyKeyReused, ServiceUnavailable if nothing was sent, or OutcomeUnknown if the orders were sent
    and the decisions could not be written.
    """
    try:
        return _process(tools, orders) if orders else []
    except Exception as error:
        return [error] * len(orders)


def _process(tools: PostingTools, orders: list[Order]) -> list[Outcome | Exception]:
    if not tools.projection.works:
        raise ServiceUnavailable(retry_after_seconds=1)
    sent = _prefer_pending(tools, orders)
    try:
        decisions = _call_ledger(tools.ledger.post, sent)
        if decisions is None:
            transactions = store_pending(tools.storage, sent)
            tools.may_be_pending = True  # after the commit: `resend` relies on this order
        else:
            transactions = tools.projection.project(decisions)
    except Exception:
        _log.exception("the outcome of %d orders could not be written", len(orders))
        raise OutcomeUnknown from None
    repeated = [decision["verdict"] == "repeated" for decision in decisions or ()] or [False] * len(orders)
    return [
        _to_outcome(order, transaction, is_replayed)
        for order, transaction, is_replayed in zip(orders, transactions, repeated, strict=True)
    ]


def _prefer_pending(tools: PostingTools, orders: list[Order]) -> list[Order]:
    """Return the orders to send. One whose key has a pending transaction is replaced by that transaction's order.

    The client knows the id of that transaction already.
    """
    if not tools.may_be_pending:
        return orders
    keys = [(order["user_id"], order["idempotency_key"]) for order in orders]
    pending = tools.storage.find_pending(keys)
    return [to_order(pending[key]) if key in pending else order for order, key in zip(orders, keys, strict=True)]


def _to_outcome(order: Order, transaction: Transaction, is_replayed: bool) -> Outcome | Exception:
    if transaction.fingerprint != order["fingerprint"]:
        return IdempotencyKeyReused()
    return Outcome(transaction, is_replayed or transaction.id != order["transaction_id"])


@rerun_when_unsure
def store_pending(storage: TransactionStorage, orders: list[Order]) -> list[Transaction]:
    """Store orders whose outcome is unknown as pending transactions, durably, and return one transaction for each.

    The returned transaction is an earlier one if the order was projected meanwhile, or if its key has one already.
    """
    pending = [make_pending(order) for order in orders]
    with storage.transaction():
        earlier = [_find_earlier(storage, order) for order in orders]
        storage.add_pending([row for row, known in zip(pending, earlier, strict=True) if known is None])
        by_key = storage.find_pending((row.user_id, row.idempotency_key) for row in pending)
    return [
        known or by_key.get((row.user_id, row.idempotency_key), row)
        for row, known in zip(pending, earlier, strict=True)
    ]


def _find_earlier(storage: TransactionStorage, order: Order) -> Transaction | None:
    """Return the transaction with the order's id, else a recent one with its key, else None."""
    if found := storage.find_transaction(order["transaction_id"]):
        return found
    return storage.find_recent(order["user_id"], order["idempotency_key"]) if order["idempotency_key"] else None


def resend(tools: PostingTools) -> int:
    """Settle pending transactions while the ledger answers: send the young again, void the old. Return their number."""
    settled, last = 0, None
    # Cleared before the query: a transaction that is stored later is either found by it or sets this again.
    tools.may_be_pending = False
    while rows := tools.storage.list_pending(last, BATCH_SIZE):
        tools.may_be_pending = True
        last, at = (rows[-1].timestamp, rows[-1].id), now()
        young = [row for row in rows if at - row.created_at < VOID_AFTER]
        old = [row for row in rows if at - row.created_at >= VOID_AFTER]
        sent = {"request_ids": [row.request_id for row in rows if row.request_id]}
        _log.info("sending %d pending transactions again, %d of them to be voided", len(rows), len(old), extra=sent)
        for call, part in ((tools.ledger.post, young), (tools.ledger.void, old)):
            decisions = _call_ledger(call, [to_order(row) for row in part]) if part else []
            if decisions is None:
                return settled
            _settle(tools, part, decisions)
            settled += len(part)
    return settled


def _settle(tools: PostingTools, pending: list[Transaction], decisions: list[Decision]) -> None:
    """Project the decisions on pending transactions.

    If the ledger decided another order with the same key, the pending transaction is replaced by that one; it fails if
    the content differs.
    """
    decided = tools.projection.project(decisions)
    for row, decision, transaction in zip(pending, decisions, decided, strict=True):
        is_conflicting = decision["verdict"] == "conflicting"
        if transaction.id == row.id and is_conflicting:
            _log.error("the ledger has transaction %s with other content", row.id)
        elif transaction.id != row.id:
            with tools.storage.transaction():
                if is_conflicting:
                    tools.storage.project([replace(row, status="failed", reason=IdempotencyKeyReused.code)])
                else:
                    tools.storage.remove_pending(row.id, decided_as=transaction.id)


def _call_ledger(call: Callable[[list[Order]], list[Decision]], orders: list[Order]) -> list[Decision] | None:
    """Return the decision on each order, or None if the call fails, which leaves the outcome unknown."""
    try:
        return call(orders)
    except AppError as error:
        _log.warning("the outcome of %d orders is unknown: %s", len(orders), error.code)
        return None
