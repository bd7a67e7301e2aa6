"""Check that each balance is the sum of its ledger entries, also while the bank runs.

    python -m account_service.verify_ledger

Compares the balances of accounts, the cash of tills, and the balance kept after every posting with sums over the
postings. The exit status is 1 when one differs; the first ones are named.
"""

import argparse
import os
import sys

from account_service.verify_ledger.verify_storage import LedgerReader
from shared.core.errors import CannotStart
from shared.db.engines import reading_connection
from shared.web.settings import Settings


def main() -> int:
    """Check the ledger and print the result. Return 1 when it is wrong or can't be read."""
    argparse.ArgumentParser(description="Check that each balance is the sum of its ledger entries.").parse_args()
    try:
        url = Settings.load().database_url(os.environ.get("ACCOUNT_DATABASE_URL"), "account.db")
        with reading_connection(url) as connection:
            reader = LedgerReader(connection)
            wrong, postings = reader.list_wrong(), reader.count_postings()
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    for found in wrong:
        print(
            f"{found.what} {found.owner_id}: {found.kept_minor} is kept, the entries add up to {found.summed_minor}",
            file=sys.stderr,
        )
    if wrong:
        print("The ledger is not intact (amounts in minor units).", file=sys.stderr)
        return 1
    print(f"The ledger is intact: every balance is the sum of its entries, in {postings} postings.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
