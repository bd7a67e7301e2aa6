"""Measure statements of 5,000 and of 100,000 entries, in time and memory, beside the same sums by plain SQL.

    python -m benchmarks.statements [--entries 5000 100000]

One customer has an account for each size, with all its entries in the month before this one. The bank runs with all
five processes. Each format is asked for twice at the gateway: the first time it is made and kept, the second time it is
sent again. The memory is the growth of the reporting service's peak above what it used before. Fails when 5,000 entries
take longer than two seconds, or a closing balance is not the sum by SQL. Only loopback is ever called.
"""

import argparse
import hashlib
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from auth_service.auth_models import User
from benchmarks.filling import BATCH_SIZE, PASSWORD
from history import BankSettings, Payment, new_account, open_bank
from shared.core.clock import now
from shared.core.ids import dashed
from shared.db.sqlite import sqlite3
from shared.security.passwords import Passwords
from tests.support.processes import RunningProcess, free_ports

SIZES = (5_000, 100_000)
FORMATS = ("json", "csv", "ofx", "camt053", "pdf")
SERVICES = ("AUTH_SERVICE", "ACCOUNT_SERVICE", "TRANSACTION_SERVICE", "REPORTING_SERVICE", "API_GATEWAY")
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
        with _running(folder) as (gateway, process_id):
            return _measure_all(gateway, process_id, account_ids, sums)


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
        bank.add_users([person])
        holders = bank.add_accounts(
            new_account(person.id, place, "checking", MONTH_START) for place in range(len(sizes))
        )
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


@contextmanager
def _running(folder: str) -> Iterator[tuple[str, int]]:
    """Run the bank; yield the gateway's address and the process id of the reporting service."""
    ports = free_ports(len(SERVICES))
    environment = {f"{name}_PORT": str(port) for name, port in zip(SERVICES, ports, strict=True)}
    environment |= {"BANK_DATA_DIR": folder, "ADMIN_PASSWORD": PASSWORD}
    with RunningProcess("run_services.py", environment=environment) as bank:
        found = bank.wait_for(r"reporting-service +\S+ +process (\d+)", within_seconds=60)
        bank.wait_for("Ctrl-C stops", within_seconds=60)
        yield f"http://127.0.0.1:{ports[-1]}", int(found[1])
        bank.send(signal.SIGTERM)
        bank.wait()


def _measure_all(gateway: str, process_id: int, account_ids: dict[int, str], sums: dict[int, tuple[float, int]]) -> int:
    login = {"username": NAME, "password": PASSWORD}
    token = requests.post(f"{gateway}/api/auth/login", json=login, timeout=10).json()["token"]
    faults = []
    print(f"{'entries':>9} {'format':8}{'made':>9}{'again':>9}{'size':>10}{'memory':>10}{'sum by SQL':>12}")
    for size, account_id in account_ids.items():
        address = f"{gateway}/api/reports/statement/{dashed(account_id)}?month={MONTH_START:%Y-%m}"
        sql_milliseconds, total_minor = sums[size]
        for form in FORMATS:
            before = _peak_megabytes(process_id, reset=True)
            made, size_bytes, digest = _download(f"{address}&format={form}", token)
            memory = _peak_megabytes(process_id) - before
            again, _, same_digest = _download(f"{address}&format={form}", token)
            print(f"{size:9,} {form:8}{made:8.2f}s{again:8.2f}s{size_bytes / 1_000_000:8.1f}MB", end="")
            print(f"{memory:8.0f}MB{sql_milliseconds:10.0f}ms")
            if digest != same_digest:
                faults.append(f"{form}: the second document differs")
            if size <= FAST_ENTRIES and made > FAST_SECONDS:
                faults.append(f"{form}: {size} entries took longer than {FAST_SECONDS} seconds")
        statement = requests.get(address, headers={"Authorization": f"Bearer {token}"}, timeout=300).json()["statement"]
        if round(float(statement["closing_balance"]) * 100) != total_minor:
            faults.append(f"the closing balance of {size} entries is not the sum by SQL")
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


def _peak_megabytes(process_id: int, *, reset: bool = False) -> float:
    """Return the most memory that a process has used, with `reset` since now (Linux only)."""
    folder = Path(f"/proc/{process_id}")
    if reset:
        (folder / "clear_refs").write_text("5")
    found: Any = re.search(r"VmHWM:\s+(\d+) kB", (folder / "status").read_text())
    return int(found[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
