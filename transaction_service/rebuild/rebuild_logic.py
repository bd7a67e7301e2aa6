"""The whole projection made anew from the ledger, and what was otherwise before."""

from collections.abc import Callable

from transaction_service.projection_logic import PAGE, Projection, transaction_of
from transaction_service.projection_storage import ProjectionStorage
from transaction_service.rebuild.rebuild_storage import Differences, RebuildStorage
from transaction_service.transaction_clients import LedgerClient
from transaction_service.transaction_storage import TransactionStorage


def rebuild(
    storage: RebuildStorage,
    transactions: TransactionStorage,
    progress: ProjectionStorage,
    ledger: LedgerClient,
    tell: Callable[[int], None],
) -> Differences:
    """Make transactions, legs and sums anew, in one database transaction; `tell` the sequence after each page.

    Pending transactions stay. Raises an AppError, and has changed nothing, when the ledger can't be read.
    """
    Projection(transactions, progress, ledger).hand_over()
    with storage.transaction():
        storage.set_aside()
        sequence = 0
        while postings := ledger.list_after(sequence, PAGE):
            transactions.project([transaction_of(posting) for posting in postings if posting.order["user_id"]])
            last = postings[-1]
            sequence = last.result["sequence"]
            progress.advance(sequence, last.order["transaction_id"])
            tell(sequence)
        return storage.compare()
