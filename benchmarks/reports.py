"""Measure reports over half a year at a million transactions, beside the same sums by plain SQL.

    python -m benchmarks.reports [--transactions 1000000] [--data-dir DIR]

The bank is that of `benchmarks.filling`, in which one customer has a fifth of the transactions, on two accounts; one
that was filled before can be given. Each report is asked for at the gateway over all days and not stored. The sums by
SQL are those of the same transactions in SQLite, read once before. Pages ask for days of their own time zone, which
costs more than days of UTC. Fails when the median of the system report exceeds 300 ms, or that of the account report
500 ms. Only loopback is ever called.
"""

import argparse
import math
import statistics
import sys
import time
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from benchmarks.filling import DAYS, REGULAR
from benchmarks.growth import Client, filled_folder, running
from benchmarks.output import print_table
from shared.core.clock import now
from shared.db.sqlite import sqlite3

ROUNDS, WARM_UP = 7, 2
_SUMS = "SELECT {kind}, count(*), sum(amount_minor) FROM {table} WHERE status = 'completed'{of_account} GROUP BY {kind}"


def main() -> int:
    """Fill, measure and print the table. Return 1 when a report takes too long."""
    parser = argparse.ArgumentParser(description="The cost of reports, beside the same sums by plain SQL.")
    parser.add_argument("--transactions", type=int, default=1_000_000, help="how many the bank has")
    parser.add_argument("--data-dir", help="a folder that benchmarks.filling has filled")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.data_dir or stack.enter_context(filled_folder(options.transactions))
        gateway = stack.enter_context(running(folder))
        return _measure_all(Path(folder), Client(gateway, REGULAR), Client(gateway, "admin"))


def _measure_all(folder: Path, regular: Client, admin: Client) -> int:
    account_id = regular.get("/api/accounts/list")["accounts"][0]["id"]
    days = f"start_date={now() - timedelta(days=DAYS + 1):%Y-%m-%d}&save=false"
    system_sql, _ = _by_sql(folder, None)
    account_sql, entries = _by_sql(folder, account_id)
    of_account = f"/api/reports/account/{account_id}?{days}"
    rows = []
    for name, client, path, sql_milliseconds, at_most in (
        ("system report", admin, f"/api/reports/system?{days}", system_sql, 300.0),
        (f"account report, {entries:,} entries", regular, of_account, account_sql, 500.0),
        ("the same by days of Kolkata", regular, f"{of_account}&tz=Asia/Kolkata", account_sql, 500.0),
        ("transaction report", regular, f"/api/reports/transactions?{days}", math.nan, math.inf),
    ):
        spent = statistics.median([client.ask(path)[0] for _ in range(WARM_UP + ROUNDS)][WARM_UP:])
        shown = (f"{value:.0f}" if math.isfinite(value) else "-" for value in (spent, sql_milliseconds, at_most))
        rows.append((name, *shown, "TOO MUCH" if spent > at_most else ""))
    print_table(("p50 ms", "report", "by SQL", "at most", ""), rows)
    return int(any("TOO MUCH" in row for row in rows))


def _by_sql(folder: Path, account_id: str | None) -> tuple[float, int]:
    """Return how many milliseconds the sums by type take in SQLite, of all or of one account, and how many they are."""
    table = "leg" if account_id else '"transaction"'
    of_account = " AND account_id = ?" if account_id else ""
    query = _SUMS.format(kind="transaction_type", table=table, of_account=of_account)
    with closing(sqlite3.connect(f"file:{folder / 'transaction.db'}?mode=ro", uri=True)) as connection:
        began_at = time.perf_counter()
        rows = connection.execute(query, (UUID(account_id).hex,) if account_id else ()).fetchall()
        return (time.perf_counter() - began_at) * 1000, sum(count for _, count, _ in rows)


if __name__ == "__main__":
    sys.exit(main())
