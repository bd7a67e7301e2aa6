"""Durable transfers a second through the bank's REST API, beside PostgreSQL's pgbench on the same machine.

    python -m benchmarks.transfers [--seconds 10] [--rounds 2]

Both sides commit every transaction to disk before they answer (`synchronous=FULL`, `synchronous_commit=on`) and are
measured in turns, so that a slow minute of the machine is everybody's. pgbench runs TPC-B at scale 10 with 8 clients on
a throwaway cluster. The bank runs as a customer would meet it, all five processes, through the gateway: real tokens,
a new Idempotency-Key for each transfer, 200 accounts of 20 customers, 1, 16 and 64 connections by wrk. Afterwards the
money is counted. Needs pgbench and wrk; only loopback is ever called.
"""

import argparse
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.postgres import cluster_folder, programs_folder
from tests.processes import RunningProcess, free_ports

CONNECTIONS = (1, 16, 64)
CUSTOMERS, ACCOUNTS_EACH, OPENING = 20, 10, "10000.00"
SERVICES = ("AUTH_SERVICE", "ACCOUNT_SERVICE", "TRANSACTION_SERVICE", "REPORTING_SERVICE", "API_GATEWAY")


@dataclass(frozen=True)
class Measured:
    """One run: transactions a second, milliseconds, and how many requests were not answered with success."""

    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


@dataclass(frozen=True)
class Customer:
    """Somebody with money in several accounts."""

    token: str
    account_ids: list[str]


def main() -> int:
    """Measure, print the table, check the money; 1 when something needed is missing or money is."""
    options = _options()
    if not shutil.which("wrk") or programs_folder() is None:
        print("This needs wrk and PostgreSQL (Debian: apt-get install wrk postgresql).")
        return 1
    with cluster_folder() as postgres, _bank() as gateway, tempfile.TemporaryDirectory() as folder:
        _prepare_pgbench(postgres)
        customers = _customers(gateway)
        routes = Path(folder) / "routes"
        _write_routes(routes, customers)
        before = _total(gateway, customers)
        pgbench: list[float] = []
        bank: dict[int, list[Measured]] = {connections: [] for connections in CONNECTIONS}
        for number in range(options.rounds):
            pgbench.append(_run_pgbench(postgres, options.seconds))
            for connections in CONNECTIONS:
                bank[connections].append(_run_wrk(gateway, routes, connections, options.seconds))
            print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
        after = _total(gateway, customers)
    _print_table(pgbench, bank)
    print(f"money before {before}, after {after}: {'conserved' if before == after else 'NOT CONSERVED'}")
    return 0 if before == after else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Transfers a second, beside pgbench.")
    parser.add_argument("--seconds", type=int, default=10, help="length of each run")
    parser.add_argument("--rounds", type=int, default=2, help="how many turns each side gets")
    return parser.parse_args()


@contextmanager
def _bank() -> Iterator[str]:
    """The whole suite on free ports and an empty data folder; the gateway's address."""
    ports = free_ports(len(SERVICES))
    with tempfile.TemporaryDirectory() as data_dir:
        environment = {f"{name}_PORT": str(port) for name, port in zip(SERVICES, ports, strict=True)}
        environment |= {"BANK_DATA_DIR": data_dir}
        with RunningProcess("run_services.py", environment=environment) as suite:
            suite.wait_for("Ctrl-C stops", within_seconds=60)
            yield f"http://127.0.0.1:{ports[-1]}"
            suite.send(signal.SIGTERM)
            suite.wait()


def _customers(gateway: str) -> list[Customer]:
    return [_customer(gateway, f"customer-{number}") for number in range(CUSTOMERS)]


def _customer(gateway: str, username: str) -> Customer:
    password = secrets.token_urlsafe(16)
    person = {"username": username, "password": password}
    _call("POST", f"{gateway}/api/auth/register", json={**person, "email": f"{username}@example.com"})
    token = _call("POST", f"{gateway}/api/auth/login", json=person)["token"]
    headers = {"Authorization": f"Bearer {token}"}
    account_ids = []
    for _ in range(ACCOUNTS_EACH):
        body = {"account_type": "checking"}
        account_id = _call("POST", f"{gateway}/api/accounts/create", json=body, headers=headers)["account"]["id"]
        deposit = {"account_id": account_id, "amount": OPENING}
        _call("POST", f"{gateway}/api/transactions/deposit", json=deposit, headers=headers)
        account_ids.append(account_id)
    return Customer(token, account_ids)


def _call(method: str, url: str, **options: object) -> dict:  # type: ignore[type-arg]  # JSON of any shape
    """A call's JSON; a limit for new customers from one address is waited for."""
    for _ in range(60):
        answer = requests.request(method, url, timeout=10, **options)  # type: ignore[arg-type]  # passed on as given
        if answer.status_code != 429:
            break
        time.sleep(float(answer.headers["Retry-After"]))
    answer.raise_for_status()
    result: dict = answer.json()  # type: ignore[type-arg]  # as above
    return result


def _write_routes(path: Path, customers: list[Customer]) -> None:
    """Lines of "token from to": each account pays into another customer's."""
    lines = []
    for place, customer in enumerate(customers):
        other = customers[(place + 1) % len(customers)]
        pairs = zip(customer.account_ids, other.account_ids, strict=True)
        lines += [f"{customer.token} {source} {target}\n" for source, target in pairs]
    path.write_text("".join(lines))


def _total(gateway: str, customers: list[Customer]) -> int:
    """All the customers' money, in cents, when nothing is pending any more."""
    time.sleep(2)
    total = 0
    for customer in customers:
        headers = {"Authorization": f"Bearer {customer.token}"}
        accounts = _call("GET", f"{gateway}/api/accounts/list", headers=headers)["accounts"]
        total += sum(int(account["balance"].replace(".", "")) for account in accounts)
    return total


def _prepare_pgbench(socket_folder: Path) -> None:
    _pgbench(socket_folder, "-i", "-q", "-s", "10")


def _run_pgbench(socket_folder: Path, seconds: int) -> float:
    output = _pgbench(socket_folder, "-c", "8", "-j", "2", "-T", str(seconds))
    found = re.search(r"tps = ([0-9.]+)", output)
    assert found, output
    return float(found[1])


def _pgbench(socket_folder: Path, *arguments: str) -> str:
    folder = programs_folder()
    assert folder
    command = [str(folder / "pgbench"), "-h", str(socket_folder), "-U", "bank", *arguments, "postgres"]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=socket_folder).stdout


def _run_wrk(gateway: str, routes: Path, connections: int, seconds: int) -> Measured:
    script = Path(__file__).with_name("transfers.lua")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(script), gateway]
    command += ["--", str(routes), secrets.token_hex(8)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ)).stdout
    result = json.loads(output.strip().splitlines()[-1])
    succeeded = result["requests"] - result["errors"]
    return Measured(succeeded / result["seconds"], result["p50_ms"], result["p99_ms"], result["errors"])


def _print_table(pgbench: list[float], bank: dict[int, list[Measured]]) -> None:
    reference = sum(pgbench) / len(pgbench)
    print(f"{'':24}{'per second':>12}{'p50 ms':>10}{'p99 ms':>10}{'errors':>8}{'ratio':>8}")
    print(f"{'pgbench, 8 clients':24}{reference:12.0f}{'':10}{'':10}{'':8}{1:8.2f}")
    for connections, runs in bank.items():
        mean = sum(run.per_second for run in runs) / len(runs)
        p50, p99 = (sum(getattr(run, name) for run in runs) / len(runs) for name in ("p50_ms", "p99_ms"))
        errors = sum(run.errors for run in runs)
        name = f"bank, {connections} connection{'s' if connections > 1 else ''}"
        print(f"{name:24}{mean:12.0f}{p50:10.1f}{p99:10.1f}{errors:8}{mean / reference:8.2f}")


if __name__ == "__main__":
    sys.exit(main())
