"""The projection: transactions, legs and sums are made from what the ledger has decided, and from nothing else.

A posting is projected as soon as its decision is known. Whatever was missed (a process died, a disk was full, a backup
was restored, another instance was lost) is read from the ledger in the order of its postings. A posting may be
projected as often as one likes: only the first time has an effect. So these commits need not reach the disk before
anybody is answered: what a power cut takes is read again.
"""

import logging
import threading
from collections.abc import Callable
from operator import itemgetter

from shared.core.errors import CannotStart, ServiceUnavailable
from shared.db.outages import rerun_when_unsure
from transaction_service.projection_storage import ProjectionStorage
from transaction_service.transaction_clients import LedgerClient, Order, Posting
from transaction_service.transaction_models import Transaction
from transaction_service.transaction_storage import TransactionStorage

PAGE = 1000
HANDED_OVER_AT_ONCE = 256
MOST_LANDED = 100_000
_log = logging.getLogger(__name__)


class OtherLedger(CannotStart):
    """The ledger lacks the posting that was projected last: it is older than the projection, or another bank's."""

    def __init__(self, sequence: int) -> None:
        super().__init__(
            f"posting {sequence} is projected here, and the ledger does not have it: the account database is older "
            "than the transaction database, or another bank's. Restore both from one backup; or, if the account "
            "database is the right one, stop the transaction service and run `make rebuild`"
        )


class Projection:
    """Writes postings as transactions, and knows whether that works.

    No payment is sent to the ledger unless it does: what was missing at start is there, the last write succeeded, and
    the ledger is the one that was projected before.
    """

    def __init__(self, transactions: TransactionStorage, progress: ProjectionStorage, ledger: LedgerClient) -> None:
        self._transactions, self._progress, self._ledger = transactions, progress, ledger
        self._landed: dict[int, str] = {}  # sequences that are projected, where one before them may not be
        self._guard = threading.Lock()
        self.works = False

    def require_working(self) -> None:
        """Raise ServiceUnavailable unless payments may be sent."""
        if not self.works:
            raise ServiceUnavailable(retry_after_seconds=1)

    def project(self, postings: list[Posting]) -> list[Transaction]:
        """Write what was decided and return it as transactions. When that fails, no payment is sent until it works."""
        transactions = [transaction_of(posting) for posting in postings]
        try:
            self._write(postings, transactions)
        except Exception:
            self.works = False
            raise
        return transactions

    def catch_up(self, tell: Callable[[int], None] = lambda _sequence: None) -> None:
        """Project all that is missing, and `tell` the sequence after each page. Raises OtherLedger or an AppError."""
        self.hand_over()
        progress = self._progress.find()
        reached = progress.sequence, progress.transaction_id
        is_at_end = False
        while not is_at_end:
            postings = self._read(*reached)
            is_at_end = len(postings) < PAGE - 1
            if postings:
                reached = _place(postings[-1])
            if postings or not self.works:
                self._write(
                    postings, [transaction_of(posting) for posting in postings if posting.order["user_id"]], reached
                )
                tell(reached[0])
                self.works = self.works or is_at_end

    def hand_over(self) -> None:
        """Give the ledger the orders of what it decided before it kept them: their idempotency keys are in them.

        Does nothing where that has been done. Raises an AppError.
        """
        if not self._progress.find().hands_over:
            return
        after = None
        while transactions := self._transactions.list_by_id(after, HANDED_OVER_AT_ONCE):
            self._ledger.describe([order_of(transaction) for transaction in transactions])
            after = transactions[-1].id
        with self._progress.transaction():
            self._progress.hand_over_no_more()

    def _read(self, sequence: int, transaction_id: str | None) -> list[Posting]:
        """The postings behind `sequence`. It is read with them, to see that it is the one that was projected."""
        if not sequence:
            return self._ledger.list_after(0, PAGE)
        postings = self._ledger.list_after(sequence - 1, PAGE)
        if not postings or _place(postings[0]) != (sequence, transaction_id):
            self.works = False
            raise OtherLedger(sequence)
        return postings[1:]

    @rerun_when_unsure
    def _write(
        self, postings: list[Posting], transactions: list[Transaction], read_to: tuple[int, str | None] | None = None
    ) -> None:
        """Write them, and how far that is: as far as sequences are contiguous, or to where all have been read.

        They need not be contiguous: two batches may land in another order than they were decided in.
        """
        new = dict(map(_place, postings))
        with self._transactions.transaction(durable=False):
            self._transactions.project(transactions)
            known = self._progress.position()
            reached, row_id = max(known, read_to or known, key=itemgetter(0))
            with self._guard:
                landed = self._landed | new
            while reached + 1 in landed:
                reached += 1
                row_id = landed[reached]
            if read_to or reached > known[0]:
                self._progress.advance(reached, row_id)
        with self._guard:
            landed = self._landed | new
            rest = {sequence: row_id for sequence, row_id in landed.items() if sequence > reached}
            self._landed = rest if len(rest) < MOST_LANDED else {}


def _place(posting: Posting) -> tuple[int, str]:
    return posting.result["sequence"], posting.order["transaction_id"]


def transaction_of(posting: Posting) -> Transaction:
    """Return what a posting says of its transaction. Raises ValueError when nobody knows whose it was."""
    order, result = posting
    user_id, decided_at, is_posted = order["user_id"], result["decided_at"], result["outcome"] == "posted"
    if user_id is None:
        raise ValueError(f"posting {result['sequence']} has no user")
    asked_at = order["requested_at"] or decided_at
    return Transaction(
        id=order["transaction_id"],
        user_id=user_id,
        transaction_type=order["transaction_type"],
        amount_minor=order["amount_minor"],
        status="completed" if is_posted else "failed",
        fingerprint=order["fingerprint"],
        created_at=asked_at,
        timestamp=decided_at if is_posted else asked_at,
        reason=None if is_posted else result["reason"] or "EXPIRED",
        description=order["description"],
        from_account_id=order["from_account_id"],
        to_account_id=result["to_account_id"],
        to_account_number=order["to_account_number"],
        reverses_id=order["reverses_id"],
        from_user_id=result["from_user_id"],
        to_user_id=result["to_user_id"],
        from_masked_number=result["from_masked_number"],
        to_masked_number=result["to_masked_number"],
        from_balance_after_minor=result["from_balance_after_minor"],
        to_balance_after_minor=result["to_balance_after_minor"],
        idempotency_key=order["idempotency_key"],
        request_id=order["request_id"],
    )


def order_of(transaction: Transaction) -> Order:
    """The order that a transaction was, or will be, decided by."""
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
