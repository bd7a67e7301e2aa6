"""Durable transfers a second through the bank's REST API, beside PostgreSQL's pgbench on the same machine.

    python -m benchmarks.transfers [--seconds 10] [--rounds 2]

Both sides commit every transaction to disk before they answer (`synchronous=FULL`, `synchronous_commit=on`) and are
measured in turns, so that a slow minute of the machine is everybody's. pgbench runs TPC-B at scale 10 with 8 clients on
a throwaway cluster. The bank runs as a customer would meet it, all five processes, through the gateway: real tokens,
a new Idempotency-Key for each transfer, 200 accounts of 20 customers, 1, 16 and 64 connections by wrk. Afterwards the
money is counted. Needs pgbench and wrk; only loopback is ever called.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.bank import Measured, new_customers, run_wrk, running_bank, total, write_routes
from tests.postgres import cluster_folder, programs_folder

CONNECTIONS = (1, 16, 64)


def main() -> int:
    """Measure, print the table, check the money; 1 when something needed is missing or money is."""
    options = _options()
    if not shutil.which("wrk") or programs_folder() is None:
        print("This needs wrk and PostgreSQL (Debian: apt-get install wrk postgresql).")
        return 1
    with cluster_folder() as postgres, running_bank() as bank, tempfile.TemporaryDirectory() as folder:
        _prepare_pgbench(postgres)
        gateway = bank.gateway
        customers = new_customers(gateway)
        routes = Path(folder) / "routes"
        write_routes(routes, customers)
        before = total(gateway, customers)
        pgbench: list[float] = []
        measured: dict[int, list[Measured]] = {connections: [] for connections in CONNECTIONS}
        for number in range(options.rounds):
            pgbench.append(_run_pgbench(postgres, options.seconds))
            for connections in CONNECTIONS:
                measured[connections].append(run_wrk(gateway, routes, connections, options.seconds))
            print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
        after = total(gateway, customers)
    _print_table(pgbench, measured)
    print(f"money before {before}, after {after}: {'conserved' if before == after else 'NOT CONSERVED'}")
    return 0 if before == after else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Transfers a second, beside pgbench.")
    parser.add_argument("--seconds", type=int, default=10, help="length of each run")
    parser.add_argument("--rounds", type=int, default=2, help="how many turns each side gets")
    return parser.parse_args()


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
