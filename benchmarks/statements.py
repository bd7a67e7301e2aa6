"""Measure statements of 5,000 and of 100,000 entries, in time and memory, beside the same sums by plain SQL.

    python -m benchmarks.statements [--entries 5000 100000]

One customer has an account for each size, with all its entries in the month before this one. The bank runs with all
five processes. Each format is asked for twice at the gateway: the first time it is made and kept, the second time it is
sent again. The memory is the growth of the reporting service's peak above what it used before. Fails when 5,000 entries
take longer than two seconds, or a closing balance is not the sum by SQL. Only loopback is ever called.
"""

import argparse
import hashlib
import sys
import tempfile
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import requests

from auth_service.auth_models import User
from benchmarks.bank import memory_megabytes
from benchmarks.filling import BATCH_SIZE, PASSWORD
from benchmarks.output import print_table
from history import BankSettings, Holder, Payment, new_account, open_bank
from shared.core.clock import now
from shared.core.ids import dashed
from shared.db.sqlite import sqlite3
from shared.security.passwords import Passwords
from tests.faults.bank import FaultyBank

SIZES = (5_000, 100_000)
FORMATS = ("json", "csv", "ofx", "camt053", "pdf")
PEAK = "VmHWM"
NAME = "accountant"
FAST_ENTRIES, FAST_SECONDS = 5_000, 2.0
MONTH_END = now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
MONTH_START = (MONTH_END - timedelta(days=1)).replace(day=1)


def main() -> int:
    """Fill, measure and print the table. Return 1 when a statement takes too long or does not agree."""
    parser = argparse.ArgumentParser(description="The cost of statements, beside the same sums by plain SQL.")
    parser.add_argument("--entries", type=int, nargs="+", default=SIZES, help="the sizes of the accounts")
    sizes = parser.parse_args().entries
    with tempfile.TemporaryDirectory() as folder:
        account_ids = _fill(folder, sizes)
        sums = {size: _sum_by_sql(Path(folder), account_ids[size]) for size in sizes}
        with closing(FaultyBank(Path(folder))) as bank:
            bank.start()
            return _measure_all(bank, account_ids, sums)


def _fill(folder: str, sizes: list[int]) -> dict[int, str]:
    """Write a customer with an account of each size; return the ids of the accounts by size."""
    print(f"writing {sum(sizes):,} payments", file=sys.stderr)
    with open_bank(BankSettings.load(BANK_DATA_DIR=folder)) as bank:
        person = User(
            id=uuid4(),
            username=NAME,
            email=f"{NAME}@example.com",
            full_name="Ada Παπαδοπούλου",
            password_hash=Passwords().hash(PASSWORD),
            created_at=MONTH_START,
        )
        accounts = [new_account(person.id, place, "checking", MONTH_START) for place in range(len(sizes))]
        bank.add_to_auth(person)
        bank.add_to_account(*accounts)
        holders = [Holder.of(account) for account in accounts]
        for size, holder in zip(sizes, holders, strict=True):
            step = (MONTH_END - MONTH_START) / size
            for begin in range(0, size, BATCH_SIZE):
                numbers = range(begin, min(begin + BATCH_SIZE, size))
                bank.pay(
                    [
                        Payment(MONTH_START + step * number, 1_999, f"Invoice {number} of a customer", None, holder)
                        if number % 3 == 0
                        else Payment(MONTH_START + step * number, 150 + number % 50, "Groceries", holder, None)
                        for number in numbers
                    ]
                )
        bank.project()
    return {size: holder.account_id for size, holder in zip(sizes, holders, strict=True)}


def _sum_by_sql(folder: Path, account_id: str) -> tuple[float, int]:
    """Return how many milliseconds the sum of an account's entries takes in SQLite, and the sum in minor units."""
    query = """SELECT coalesce(sum(CASE WHEN to_account_id = :id THEN amount_minor ELSE -amount_minor END), 0)
               FROM posting WHERE outcome = 'posted' AND (to_account_id = :id OR from_account_id = :id)"""
    with closing(sqlite3.connect(folder / "account.db")) as connection:
        began_at = time.perf_counter()
        (total,) = connection.execute(query, {"id": account_id}).fetchone()
        return (time.perf_counter() - began_at) * 1000, int(total)


def _measure_all(bank: FaultyBank, account_ids: dict[int, str], sums: dict[int, tuple[float, int]]) -> int:
    token, process_id = bank.log_in(NAME, PASSWORD), bank.process_id("reporting-service")
    faults: list[str] = []
    rows: list[tuple[str, ...]] = []
    for size, account_id in account_ids.items():
        address = f"{bank.gateway}/api/reports/statement/{dashed(account_id)}?month={MONTH_START:%Y-%m}"
        sql_milliseconds, total_minor = sums[size]
        for form in FORMATS:
            _reset_peak(process_id)
            before = memory_megabytes(process_id, PEAK)
            made, size_bytes, digest = _download(f"{address}&format={form}", token)
            memory = memory_megabytes(process_id, PEAK) - before
            again, _, same_digest = _download(f"{address}&format={form}", token)
            shown = f"{made:.2f}", f"{again:.2f}", f"{size_bytes / 1_000_000:.1f}", f"{memory:.0f}"
            rows.append((f"{size:,}", form, *shown, f"{sql_milliseconds:.0f}"))
            if digest != same_digest:
                faults.append(f"{form}: the second document differs")
            if size <= FAST_ENTRIES and made > FAST_SECONDS:
                faults.append(f"{form}: {size} entries took longer than {FAST_SECONDS} seconds")
        statement = requests.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=300).json()["statement"]
        if round(float(statement["closing_balance"]) * 100) != total_minor:
            faults.append(f"the closing balance of {size} entries is not the sum by SQL")
    print_table(("entries", "format", "made s", "again s", "size MB", "memory MB", "sum by SQL ms"), rows)
    print("\n".join(faults))
    return 1 if faults else 0


def _download(address: str, token: str) -> tuple[float, int, str]:
    """Return the seconds until a document was complete, its bytes, and its digest."""
    began_at, size_bytes, digest = time.perf_counter(), 0, hashlib.sha256()
    with requests.get(address, headers={"Authorization": f"Bearer {token}"}, stream=True, timeout=300) as answer:
        answer.raise_for_status()
        for part in answer.iter_content(65536):
            size_bytes += len(part)
            digest.update(part)
    return time.perf_counter() - began_at, size_bytes, digest.hexdigest()


def _reset_peak(process_id: int | None) -> None:
    """Let the most memory that a process has used begin with what it uses now (proc(5), Linux only)."""
    Path(f"/proc/{process_id}/clear_refs").write_text("5")


if __name__ == "__main__":
    sys.exit(main())
