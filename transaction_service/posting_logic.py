"""The posting protocol: how a transaction gets from asked for to completed or failed, whatever dies in between.

1. The transaction is kept as pending, and committed.
2. With no database transaction open, the ledger is asked to decide it. Asking again is safe.
3. (The ledger decides, in one commit of its own.)
4. What came of it is written where the transaction is still pending, and committed.

A pending transaction that nobody is at work on is found by `recover`. While it is young it is sent again, later it is
given up: the ledger then promises that it will never happen, or says that it has.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

from shared.batching import Batcher
from shared.errors import AppError, Conflict, Unprocessable
from shared.outages import rerun_when_unsure
from shared.periods import now
from transaction_service.transaction_clients import Decision, LedgerClient, Order
from transaction_service.transaction_models import Transaction
from transaction_service.transaction_storage import TransactionStorage

LEASE = timedelta(seconds=6)
VOID_AFTER = timedelta(minutes=2)
BATCH_SIZE = 128
BEGIN_WITHIN_SECONDS = 2.0
WAIT_FOR_OTHER_SECONDS = 2.0
Item = TypeVar("Item")
_log = logging.getLogger(__name__)


class IdempotencyKeyReused(Unprocessable):
    """The key was used before, for something else."""

    code = "IDEMPOTENCY_KEY_REUSED"
    message = "This Idempotency-Key was used for another request. Use a new key for a new request."


class InProgress(Conflict):
    """The same request is being carried out right now."""

    code = "IDEMPOTENT_REQUEST_IN_PROGRESS"
    message = "The same request is being carried out right now. Send it again in a moment to see its outcome."


@dataclass(frozen=True)
class Outcome:
    """What came of a request; `replayed` when it came again and the first outcome is given."""

    transaction: Transaction
    replayed: bool = False


Process = Callable[[list[Transaction]], list[Outcome | Exception]]


class PostingPipeline:
    """Carries transactions out, many at a time when many come.

    `process` is told in the module's function of that name; `batches` hands it what comes one by one.
    """

    def __init__(self, storage: TransactionStorage, process: Process, batches: Batcher[Transaction, Outcome]) -> None:
        self._storage, self._process, self._batches = storage, process, batches

    def carry_out(self, transaction: Transaction) -> Outcome:
        """What came of a new transaction; it is still pending when that can't be known yet.

        Raises IdempotencyKeyReused, InProgress, or ServiceUnavailable when nothing was begun.
        """
        outcome = self._batches.submit(transaction, begin_within_seconds=BEGIN_WITHIN_SECONDS)
        if _is_in_progress(outcome):
            return Outcome(self._wait_for_other(outcome.transaction), replayed=True)
        return outcome

    def carry_out_all(self, transactions: list[Transaction]) -> list[Outcome | Exception]:
        """What came of several new transactions: of each what `carry_out` returns or raises, but for one thing.

        Where somebody else is at work on the same request it is InProgress at once: all the others would have to wait.
        They are enough to be a batch of their own. When it can't be begun, each hears why: nothing was done.
        """
        if not transactions:
            return []
        try:
            outcomes = self._process(transactions)
        except Exception as error:
            return [error] * len(transactions)
        return [InProgress(retry_after_seconds=1) if _is_in_progress(outcome) else outcome for outcome in outcomes]

    def _wait_for_other(self, transaction: Transaction) -> Transaction:
        """The same transaction once whoever is at work on it has finished or given up."""
        deadline = time.monotonic() + WAIT_FOR_OTHER_SECONDS
        while transaction.status == "pending" and transaction.lease_until and transaction.lease_until > now():
            if time.monotonic() > deadline:
                raise InProgress(retry_after_seconds=1)
            time.sleep(0.02)
            self._storage.refresh()
            transaction = self._storage.find_transaction(transaction.id) or transaction
        return transaction


def _is_in_progress(outcome: Outcome | Exception) -> bool:
    return isinstance(outcome, Outcome) and outcome.replayed and outcome.transaction.status == "pending"


def process(
    storage: TransactionStorage, ledger: LedgerClient, transactions: list[Transaction]
) -> list[Outcome | Exception]:
    """Carry out a batch of new transactions: what came of each, or the error that its asker gets."""
    outcomes = claim(storage, transactions)
    fresh = [outcome.transaction for outcome in outcomes if isinstance(outcome, Outcome) and not outcome.replayed]
    try:
        decide(storage, ledger, fresh)
    except Exception:
        # They are kept, so whatever went wrong must not be told as a failure: recovery will find out what came of them.
        _log.exception("the outcome of %d transactions could not be written", len(fresh))
        for transaction in fresh:
            transaction.status = "pending"
    return outcomes


@rerun_when_unsure
def claim(storage: TransactionStorage, transactions: list[Transaction]) -> list[Outcome | Exception]:
    """Step 1: keep new transactions as pending. One whose idempotency key is known gets the transaction of that key."""
    with storage.transaction():
        if storage.add_transactions(transactions) == len(transactions):
            return [Outcome(transaction) for transaction in transactions]
        kept = storage.find_by_keys((row.user_id, row.idempotency_key) for row in transactions if row.idempotency_key)
    asked_for = {transaction.id: transaction for transaction in transactions}
    outcomes: list[Outcome | Exception] = []
    for transaction in transactions:
        earlier = kept.get((transaction.user_id, transaction.idempotency_key or ""), transaction)
        if earlier.fingerprint != transaction.fingerprint:
            outcomes.append(IdempotencyKeyReused())
        else:
            # Of two in one batch the second gets the very object of the first, and with it what comes of it.
            outcomes.append(Outcome(asked_for.get(earlier.id, earlier), replayed=earlier.id != transaction.id))
    return outcomes


def decide(storage: TransactionStorage, ledger: LedgerClient, transactions: list[Transaction]) -> None:
    """Steps 2 to 4: ask the ledger to decide pending transactions, and write down what it says."""
    if transactions:
        settle(storage, transactions, _decisions(ledger.post, [_order(transaction) for transaction in transactions]))


@rerun_when_unsure
def settle(storage: TransactionStorage, transactions: list[Transaction], decisions: dict[UUID, Decision]) -> None:
    """Step 4: write what came of pending transactions; those without a decision are left for recovery."""
    decided = [transaction for transaction in transactions if transaction.id in decisions]
    unknown = [transaction for transaction in transactions if transaction.id not in decisions]
    for transaction in decided:
        _apply(decisions[transaction.id], transaction)
    with storage.transaction():
        storage.settle(decided)
        storage.release(unknown)


def recover(storage: TransactionStorage, ledger: LedgerClient) -> int:
    """Take all pending transactions that nobody is at work on to their end, while the ledger answers; how many."""
    settled = 0
    while True:
        taken, unknown = _recover_batch(storage, ledger)
        settled += taken - unknown
        if taken < BATCH_SIZE or unknown:
            return settled


def _recover_batch(storage: TransactionStorage, ledger: LedgerClient) -> tuple[int, int]:
    """How many were taken, and of how many the outcome is still not known."""
    at = now()
    with storage.transaction():
        taken = storage.take_pending(now=at, lease_until=at + LEASE, limit=BATCH_SIZE)
    young = [transaction for transaction in taken if at - transaction.created_at < VOID_AFTER]
    old = [transaction for transaction in taken if at - transaction.created_at >= VOID_AFTER]
    if taken:
        found = {"request_ids": _request_ids(taken)}
        _log.info("recovery took up %d transactions, %d of them to give up", len(taken), len(old), extra=found)
    decide(storage, ledger, young)
    if old:
        void = partial(ledger.void, request_ids=_request_ids(old))
        settle(storage, old, _decisions(void, [transaction.id for transaction in old]))
    return len(taken), sum(transaction.status == "pending" for transaction in taken)


def _request_ids(transactions: list[Transaction]) -> list[str]:
    return [transaction.request_id for transaction in transactions if transaction.request_id]


def _decisions(call: Callable[[list[Item]], list[Decision]], items: list[Item]) -> dict[UUID, Decision]:
    """What the ledger says, by transaction id; nothing when that can't be known."""
    try:
        decisions = call(items)
    except AppError as error:
        _log.warning("the outcome of %d transactions is not known: %s", len(items), error.code)
        return {}
    return {decision.transaction_id: decision for decision in decisions if _is_sound(decision)}


def _is_sound(decision: Decision) -> bool:
    """Whether the decision is on what was asked; if not, money may have moved, and a person has to look."""
    if decision.reason == "DIGEST_MISMATCH":
        _log.error("transaction %s was decided with other content", decision.transaction_id)
    return decision.reason != "DIGEST_MISMATCH"


def _order(transaction: Transaction) -> Order:
    return Order(
        transaction_id=transaction.id,
        user_id=transaction.user_id,
        amount_minor=transaction.amount_minor,
        from_account_id=transaction.from_account_id,
        to_account_id=transaction.to_account_id,
        to_account_number=transaction.to_account_number,
        reverses_id=transaction.reverses_id,
        request_id=transaction.request_id,
    )


def _apply(decision: Decision, transaction: Transaction) -> None:
    """Write a decision into its transaction."""
    if decision.outcome != "posted":
        transaction.status = "failed"
        transaction.reason = decision.reason or "EXPIRED"
        return
    transaction.status = "completed"
    transaction.timestamp = decision.booked_at
    for leg in decision.legs:
        side = "from" if leg.amount_minor < 0 else "to"
        setattr(transaction, f"{side}_account_id", leg.account_id)
        setattr(transaction, f"{side}_user_id", leg.user_id)
        setattr(transaction, f"{side}_masked_number", leg.account_number)
        setattr(transaction, f"{side}_balance_after_minor", leg.balance_after_minor)
