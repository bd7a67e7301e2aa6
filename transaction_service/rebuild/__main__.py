"""Rebuild the transaction database from the ledger, and print the differences.

    python -m transaction_service.rebuild

The transaction service must be stopped; the auth and the account service must run (`make rebuild` starts them if they
don't). Pending transactions stay, since the ledger does not have them. All is one database transaction, so an
interrupted rebuild changes nothing.
"""

import argparse
import sys

from flask import Flask

from shared.core.errors import AppError, CannotStart
from shared.core.ids import dashed
from shared.security import data_dir
from shared.web.application import Peers, make_session
from transaction_service.projection_storage import ProjectionStorage
from transaction_service.rebuild import rebuild_logic
from transaction_service.rebuild.rebuild_storage import Differences, RebuildStorage
from transaction_service.transaction_clients import LedgerClient
from transaction_service.transaction_models import db
from transaction_service.transaction_service import TransactionSettings
from transaction_service.transaction_storage import TransactionStorage

SHOWN = 20


def main() -> int:
    """Rebuild, print the differences, and return the exit status: 0, or 1 if the rebuild failed."""
    argparse.ArgumentParser(description=__doc__).parse_args()  # a rebuild must not begin because of a mistyped option
    try:
        settings = TransactionSettings.load()
        data_dir.prepare(settings.data_dir)
        app = Flask(__name__)
        db.connect(app, settings.database_url(settings.given_database_url, "transaction.db"))
    except CannotStart as error:
        print(f"can't rebuild: {error}", file=sys.stderr)
        return 1
    peers = Peers(settings, make_session(), settings.client_secret)
    ledger = LedgerClient(peers["account-service"], peers.token)
    try:
        with app.app_context():
            tools = RebuildStorage(db), TransactionStorage(db), ProjectionStorage(db)
            differences = rebuild_logic.rebuild(*tools, ledger, _print_progress)
    except AppError as error:
        print(f"can't rebuild: the auth or the account service answers: {error.message}", file=sys.stderr)
        return 1
    finally:
        db.close()
    for line in report(differences):
        print(line)
    return 0


def _print_progress(sequence: int) -> None:
    print(f"{sequence} postings read", file=sys.stderr, flush=True)


def report(differences: Differences) -> list[str]:
    """Return the lines that describe the differences, with at most `SHOWN` ids of each kind."""
    lines = [f"The ledger has decided {differences.decided} transactions."]
    for what, ids in (
        ("were missing", differences.missing),
        ("were different from the ledger", differences.changed),
        ("were not in the ledger and have been removed", differences.gone),
    ):
        lines += [f"{len(ids)} {what}{':' if ids else ''}", *(f"  {dashed(row_id)}" for row_id in ids[:SHOWN])]
        lines += [f"  and {len(ids) - SHOWN} more"] if len(ids) > SHOWN else []
    return [*lines, f"{differences.sums} sums were different"]


if __name__ == "__main__":
    sys.exit(main())
