"""Durable transfers through the bank's REST API, beside PostgreSQL's pgbench on the same machine.

    python -m benchmarks.transfers [--seconds 7] [--rounds 2]

Both sides commit every transaction to disk before they answer (`synchronous=FULL`, `synchronous_commit=on`). All loads
are measured in turns, round by round, so that a slow minute of the machine affects all of them. pgbench runs TPC-B at
scale 10 on a throwaway cluster. The bank runs as in production, all five processes, behind the gateway: real tokens, a
random UUID as the Idempotency-Key of each transfer, 200 accounts of 20 customers, load by wrk. Afterwards the money is
counted. Exits with 1 when a cent is missing or a request has failed. Needs pgbench and wrk; calls only loopback.
"""

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass

from benchmarks.bank import FROM_ONE, SPREAD, TO_ONE, LoadedBank, running_bank
from benchmarks.output import commit, machine, print_errors, print_runs, rate
from benchmarks.pgbench import Pgbench, running_pgbench
from benchmarks.wrk import Run, require_wrk
from tests.support.postgres import programs_folder


@dataclass(frozen=True)
class Load:
    """A closed loop: as many transfers as the bank answers on that many connections."""

    name: str
    connections: int
    routes: str = SPREAD
    reads_percent: int = 0


EIGHT_CLIENTS, ONE_CLIENT = "pgbench, 8 clients", "pgbench, 1 client"
MANY, FEWER, ONE = Load("bank, 64 connections", 64), Load("bank, 16 connections", 16), Load("bank, 1 connection", 1)
OTHERS = (
    Load("all to one account", 64, TO_ONE),
    Load("all from one account", 64, FROM_ONE),
    Load("a read after four transfers", 64, reads_percent=20),
)
OPEN_LOOP_CONNECTIONS = 256
PERCENTS_OF_PEAK = (25, 50, 75)

Runs = defaultdict[str, list[Run]]


def main() -> int:
    """Measure, print the tables, check the balances; return the exit status."""
    options = _options()
    require_wrk()
    if programs_folder() is None:
        sys.exit("This needs PostgreSQL (Debian: apt-get install postgresql).")
    print(f"{machine()}; commit {commit()}; {options.rounds} x {options.seconds} s")
    runs: Runs = defaultdict(list)
    with running_pgbench() as pgbench, running_bank() as bank:
        for number in range(options.rounds):
            _measure(pgbench, bank, options.seconds, runs)
            print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
        _print_tables(runs)
        print()
        is_conserved = bank.is_money_conserved()
    return 0 if print_errors(runs.values()) == 0 and is_conserved else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Durable transfers, beside pgbench.")
    parser.add_argument("--seconds", type=int, default=7, help="length of each run (default 7)")
    parser.add_argument("--rounds", type=int, default=2, help="runs of each load (default 2)")
    return parser.parse_args()


def _measure(pgbench: Pgbench, bank: LoadedBank, seconds: int, runs: Runs) -> None:
    """Run every load once: the open loop at shares of the rate which 64 connections have just reached."""
    runs[EIGHT_CLIENTS].append(pgbench.run(8, seconds))
    for load in (MANY, FEWER, *OTHERS):
        runs[load.name].append(_run(bank, load, seconds))
    runs[ONE_CLIENT].append(pgbench.run(1, seconds))
    runs[ONE.name].append(_run(bank, ONE, seconds))
    peak = runs[MANY.name][-1].per_second
    for percent in PERCENTS_OF_PEAK:
        run = bank.run(OPEN_LOOP_CONNECTIONS, seconds, per_second=peak * percent / 100)
        runs[_of_peak(percent)].append(run)


def _run(bank: LoadedBank, load: Load, seconds: int) -> Run:
    return bank.run(load.connections, seconds, routes=load.routes, reads_percent=load.reads_percent)


def _of_peak(percent: int) -> str:
    return f"{percent} % of the peak"


def _print_tables(runs: Runs) -> None:
    eight, one, peak = (rate(runs[name]) for name in (EIGHT_CLIENTS, ONE_CLIENT, MANY.name))
    beside = {name: (runs[name], eight) for name in (EIGHT_CLIENTS, FEWER.name, MANY.name)}
    print_runs("transfers, beside pgbench", beside | {name: (runs[name], one) for name in (ONE_CLIENT, ONE.name)})
    print_runs("64 connections, other loads", {load.name: (runs[load.name], peak) for load in (MANY, *OTHERS)})
    print_runs("open loop", {name: (runs[name], peak) for name in map(_of_peak, PERCENTS_OF_PEAK)})


if __name__ == "__main__":
    sys.exit(main())
