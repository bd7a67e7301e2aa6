"""The rules of a rebuild: project all postings again, and compare the result with the rows before."""

from collections.abc import Callable

from transaction_service.projection_logic import PAGE, Projection, to_transactions
from transaction_service.projection_storage import ProjectionStorage
from transaction_service.rebuild.rebuild_storage import Differences, RebuildStorage
from transaction_service.transaction_clients import LedgerClient
from transaction_service.transaction_storage import TransactionStorage


def rebuild(
    storage: RebuildStorage,
    transactions: TransactionStorage,
    progress: ProjectionStorage,
    ledger: LedgerClient,
    report: Callable[[int], None],
) -> Differences:
    """Rebuild transactions, legs and sums in one database transaction, and return what was different before.

    `report` is called with the sequence after each page of postings. Pending transactions stay. Raises an AppError,
    with nothing changed, if the ledger can't be read.
    """
    Projection(transactions, progress, ledger).hand_over()
    with storage.transaction():
        storage.set_aside()
        sequence = 0
        while postings := ledger.list_after(sequence, PAGE):
            transactions.project(to_transactions(postings))
            last = postings[-1]
            sequence = last["result"]["sequence"]
            progress.advance(sequence, last["order"]["transaction_id"])
            report(sequence)
        return storage.compare()
