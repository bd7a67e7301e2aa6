"""The projection: it derives transactions, legs and sums from the ledger's postings, and from nothing else.

A posting is projected as soon as its decision is known. Postings that were missed (a process died, a disk was full, a
backup was restored, another instance was lost) are read from the ledger in the order of their sequences. Projecting is
idempotent: only the first time has an effect. Its commits need not be durable, since postings that a power cut takes
are read again.
"""

import logging
import threading
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import cast

from shared.core.errors import CannotStart
from shared.core.texts import masked
from shared.db.outages import rerun_when_unsure
from transaction_service.projection_storage import ProjectionStorage
from transaction_service.transaction_clients import LedgerClient, Order, Posting
from transaction_service.transaction_models import OPEN_TILL_ID, Transaction
from transaction_service.transaction_storage import TransactionStorage

PAGE = 1000
HANDOVER_BATCH = 256
MAX_PROJECTED_AHEAD = 100_000
_log = logging.getLogger(__name__)


class LedgerMismatch(CannotStart):
    """The ledger does not have the posting that was projected last: it is older, or belongs to another bank."""

    def __init__(self, sequence: int) -> None:
        super().__init__(
            f"posting {sequence} is projected here, and the ledger does not have it: the account database is older "
            "than the transaction database, or another bank's. Restore both from one backup; or, if the account "
            "database is the right one, stop the transaction service and run `make rebuild`"
        )


class Projection:
    """Writes postings as transactions, and stops payments while that fails.

    `works` is true once all postings that were missing at start are projected, and until a write fails or the ledger
    turns out to be another one than before. No payment is sent to the ledger while it is false.
    """

    def __init__(self, transactions: TransactionStorage, progress: ProjectionStorage, ledger: LedgerClient) -> None:
        self._transactions, self._progress, self._ledger = transactions, progress, ledger
        # Projected sequences above the first gap, with their transaction ids. It is replaced, never changed.
        self._ahead: dict[int, str] = {}
        self._guard = threading.Lock()
        self.works = False

    def project(self, postings: Sequence[Posting]) -> list[Transaction]:
        """Project postings and return their transactions. If that fails, stop payments until `catch_up` succeeds."""
        try:
            return self._write(postings)
        except Exception:
            self.works = False
            raise

    def catch_up(self) -> None:
        """Project all missing postings. Raises LedgerMismatch, or an AppError if the ledger can't be read."""
        self.hand_over()
        progress = self._progress.find()
        reached = progress.sequence, progress.transaction_id
        is_at_end = False
        while not is_at_end:
            postings = self._read(*reached)
            is_at_end = len(postings) < PAGE - 1
            if postings:
                reached = _position(postings[-1])
            if postings or not self.works:
                self._write(postings, reached)
                self.works = self.works or is_at_end

    def hand_over(self) -> None:
        """Send the ledger the orders, with their idempotency keys, of postings that are older than its order columns.

        Does nothing after it has succeeded once. Raises an AppError.
        """
        if not self._progress.find().hands_over:
            return
        after = None
        while transactions := self._transactions.list_by_id(after, HANDOVER_BATCH):
            self._ledger.describe([to_order(transaction) for transaction in transactions])
            after = transactions[-1].id
        with self._progress.transaction():
            self._progress.end_handover()

    def _read(self, sequence: int, transaction_id: str | None) -> list[Posting]:
        """Return a page of the postings after `sequence`. Raises LedgerMismatch if the ledger lacks the one at it."""
        if not sequence:
            return self._ledger.list_after(0, PAGE)
        postings = self._ledger.list_after(sequence - 1, PAGE)
        if not postings or _position(postings[0]) != (sequence, transaction_id):
            self.works = False
            raise LedgerMismatch(sequence)
        return postings[1:]

    @rerun_when_unsure
    def _write(self, postings: Sequence[Posting], read_to: tuple[int, str | None] | None = None) -> list[Transaction]:
        """Write the transactions of postings, and in the same commit the progress. Return the transactions.

        The progress is the sequence up to which all postings are projected: the last of the contiguous ones, or
        `read_to` if all postings up to it have been read. Two batches may be written in another order than they were
        decided in, so sequences above a gap are kept in memory until it closes.
        """
        transactions, new = to_transactions(postings), dict(map(_position, postings))
        with self._transactions.transaction(durable=False):
            self._transactions.project(transactions)
            known = self._progress.position()
            reached, row_id = max(known, read_to or known, key=itemgetter(0))
            projected = self._ahead | new
            while reached + 1 in projected:
                reached += 1
                row_id = projected[reached]
            if read_to or reached > known[0]:
                self._progress.advance(reached, row_id)
        with self._guard:
            projected = self._ahead | new
            rest = {sequence: row_id for sequence, row_id in projected.items() if sequence > reached}
            self._ahead = rest if len(rest) < MAX_PROJECTED_AHEAD else {}
        return transactions


def _position(posting: Posting) -> tuple[int, str]:
    return posting["result"]["sequence"], posting["order"]["transaction_id"]


def to_transactions(postings: Iterable[Posting]) -> list[Transaction]:
    """Return the transactions of postings. Those that open and close tills are no transactions of customers.

    Neither are those that are older than the order columns of the ledger, until their order is handed over.
    """
    return [transaction for posting in postings if (transaction := _to_transaction(posting))]


def _to_transaction(posting: Posting) -> Transaction | None:
    """Return what the decision has made of the pending transaction of the order; None for no transaction."""
    order, result = posting["order"], posting["result"]
    if order["user_id"] is None or order["transaction_type"] == "till":
        return None
    is_posted, decided_at = result["outcome"] == "posted", result["decided_at"]
    transaction = make_pending(cast(Order, order))
    transaction.status = "completed" if is_posted else "failed"
    transaction.reason = None if is_posted else result["reason"] or "EXPIRED"
    transaction.created_at = order["requested_at"] or decided_at
    transaction.timestamp = decided_at if is_posted else transaction.created_at
    transaction.to_account_id = result["to_account_id"]
    transaction.from_user_id = result["from_user_id"]
    transaction.to_user_id = result["to_user_id"]
    transaction.from_masked_number = result["from_masked_number"]
    transaction.to_masked_number = result["to_masked_number"]
    transaction.from_balance_after_minor = result["from_balance_after_minor"]
    transaction.to_balance_after_minor = result["to_balance_after_minor"]
    return transaction


def to_order(transaction: Transaction) -> Order:
    """Return the order of a transaction, as the ledger decided or will decide it."""
    return Order(
        transaction_id=transaction.id,
        transaction_type=transaction.transaction_type,
        user_id=transaction.user_id,
        amount_minor=transaction.amount_minor,
        from_account_id=transaction.from_account_id,
        to_account_id=transaction.to_account_id,
        to_account_number=transaction.to_account_number,
        reverses_id=transaction.reverses_id,
        description=transaction.description,
        fingerprint=transaction.fingerprint,
        idempotency_key=transaction.idempotency_key,
        request_id=transaction.request_id,
        requested_at=transaction.created_at,
    )


def make_pending(order: Order) -> Transaction:
    """Return the pending transaction of an order. Its user owns the paying side, or the receiving one of a deposit.

    The owners of the sides of a reversal, or of a booking at the counter, are not known before the decision.
    """
    user_id, number, pays = order["user_id"], order["to_account_number"], order["from_account_id"] is not None
    is_by_staff = order["reverses_id"] is not None or OPEN_TILL_ID in (order["from_account_id"], order["to_account_id"])
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
        from_user_id=user_id if pays and not is_by_staff else None,
        to_user_id=None if pays or is_by_staff else user_id,
        to_masked_number=masked(number) if number else None,
        idempotency_key=order["idempotency_key"],
        request_id=order["request_id"],
    )
