"""Transfers by two versions of the bank, measured in turns on the same machine.

    python -m benchmarks.compare OLD [NEW] [--seconds 4] [--rounds 6]

OLD and NEW are commits, or folders with a source tree; NEW is this tree unless it is named. Both banks run at the same
time, with the libraries of this Python, and are put under load in turns: on 64 connections, then on one. Every other
round begins with NEW. Each ratio is that of one round, since only what ran side by side can be compared. Exits with 1
when a cent is missing or a request has failed.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.bank import running_bank
from benchmarks.output import commit, machine, print_errors, print_runs, rate
from benchmarks.wrk import Run, require_wrk
from tests.support.repository import ROOT

MANY, ONE = 64, 1
VERSIONS = ("old", "new")
Runs = dict[tuple[str, int], list[Run]]


def main() -> int:
    """Measure both, print the tables and the ratios, check the balances; return the exit status."""
    options = _options()
    require_wrk()
    runs: Runs = {(version, connections): [] for version in VERSIONS for connections in (MANY, ONE)}
    with ExitStack() as stack:
        trees = [stack.enter_context(_source_tree(name)) for name in (options.old, options.new)]
        commits = ", ".join(f"{version} {commit(tree)}" for version, tree in zip(VERSIONS, trees, strict=True))
        print(f"{machine()}; {options.rounds} x {options.seconds} s; {commits}")
        banks = {name: stack.enter_context(running_bank(tree)) for name, tree in zip(VERSIONS, trees, strict=True)}
        for number in range(options.rounds):
            for connections in (MANY, ONE):
                for version in VERSIONS[:: -1 if number % 2 else 1]:
                    runs[version, connections].append(banks[version].run(connections, options.seconds))
            print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
        _print(runs)
        print()
        is_conserved = [bank.is_money_conserved() for bank in banks.values()]
    return 0 if print_errors(runs.values()) == 0 and all(is_conserved) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Transfers by two versions of the bank, in turns.")
    parser.add_argument("old", help="a commit, or a folder with a source tree")
    parser.add_argument("new", nargs="?", default=str(ROOT), help="the same; this tree unless it is named")
    parser.add_argument("--seconds", type=int, default=4, help="length of each run (default 4)")
    parser.add_argument("--rounds", type=int, default=6, help="runs of each version (default 6)")
    return parser.parse_args()


@contextmanager
def _source_tree(name: str) -> Iterator[Path]:
    """Yield the named folder, or a git worktree of the named commit during the block."""
    if Path(name).is_dir():
        yield Path(name).resolve()
        return
    git = ["git", "-C", str(ROOT), "worktree"]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run([*git, "add", "--quiet", "--detach", str(tree), name], check=True)
        try:
            yield tree
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def _print(runs: Runs) -> None:
    for connections, title in ((MANY, "64 connections"), (ONE, "1 connection")):
        old, new = (runs[version, connections] for version in VERSIONS)
        print_runs(title, {version: (runs[version, connections], rate(old)) for version in VERSIONS})
        ratios = sorted(a.per_second / b.per_second for a, b in zip(new, old, strict=True))
        print(f"\nnew/old, round by round: {median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")


if __name__ == "__main__":
    sys.exit(main())
