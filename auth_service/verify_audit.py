"""Check the hash chain of the audit trail, also while the bank runs.

    python -m auth_service.verify_audit                   say how long the chain is, and the hash of its last link
    python -m auth_service.verify_audit --contains HASH   also require a hash that was noted down before

The exit status is 1 when an entry was changed, removed or inserted, and the first such entry is named. Whoever can
write the whole database can compute a new chain; a hash noted down elsewhere shows that, and so does `--contains`.
"""

import argparse
import os
import sys

from auth_service.audit import audit_logic
from auth_service.audit.audit_logic import ChainBroken
from auth_service.audit.audit_storage import ChainReader
from shared.core.errors import CannotStart
from shared.db.engines import reading_connection
from shared.web.settings import Settings


def main() -> int:
    """Check the chain and print the result. Return 1 when it is broken or can't be read."""
    parser = argparse.ArgumentParser(description="Check the hash chain of the audit trail.")
    parser.add_argument("--contains", metavar="HASH", help="require that the chain has a link with this hash")
    wanted = parser.parse_args().contains
    url = Settings.load().database_url(os.environ.get("AUTH_DATABASE_URL"), "auth.db")
    try:
        with reading_connection(url) as connection:
            reader = ChainReader(connection)
            length, last, was_seen = 0, audit_logic.FIRST_HASH, wanted is None
            for last in audit_logic.verify(reader):
                length, was_seen = length + 1, was_seen or last == wanted
            waiting = reader.count_waiting()
    except (CannotStart, ChainBroken) as error:
        print(f"The audit trail is not intact: {error}." if isinstance(error, ChainBroken) else error, file=sys.stderr)
        return 1
    if not was_seen:
        print(f"The chain has no link with the hash {wanted}: it was replaced or cut off.", file=sys.stderr)
        return 1
    print(f"The audit trail is intact: {length} entries are chained, {waiting} wait. The last hash is {last}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
