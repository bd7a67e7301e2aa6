"""Output of the benchmarks: the machine, the measured code, and tables in Markdown."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean

from benchmarks.bank import PROCESSES
from benchmarks.wrk import Run
from shared.db.sqlite import sqlite3
from tests.support.repository import ROOT

HEADINGS = ("per second", "ratio", "mean ms", "p50 ms", "p99 ms", "max ms", "errors", *PROCESSES, "wrk")


def machine() -> str:
    """Return the processor model, the number of usable processors, and the versions of the main libraries."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    processors = len(os.sched_getaffinity(0))
    return (
        f"{model[1] if model else platform.machine()}, {processors} processors; "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


def commit(root: Path = ROOT) -> str:
    """Return the commit of a source tree, and whether files differ from it."""
    command = ["git", "-C", str(root), "describe", "--always", "--exclude=*", "--dirty= with changes"]
    described = subprocess.run(command, capture_output=True, text=True, check=False)
    return described.stdout.strip() or "an unknown commit"


def print_runs(title: str, rows: Mapping[str, tuple[Sequence[Run], float]]) -> None:
    """Print a row for each load: the means of its runs, the longest latency, and the sum of the errors.

    The ratio is to the rate that stands beside the runs.
    """
    print_table((title, *HEADINGS), [(name, *_cells(runs, reference)) for name, (runs, reference) in rows.items()])


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table in Markdown, aligned: the first column to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(headings, *rows, strict=True)]
    print()
    print(_line(headings, widths))
    print(f"|{'-' * (widths[0] + 2)}|" + "".join(f"{'-' * (width + 1)}:|" for width in widths[1:]))
    for row in rows:
        print(_line(row, widths))


def print_errors(runs: Iterable[Sequence[Run]]) -> int:
    """Return how many requests of all runs failed, and print it unless it is zero."""
    errors = sum(run.errors for its_runs in runs for run in its_runs)
    if errors:
        print(f"{errors} REQUESTS FAILED")
    return errors


def rate(runs: Sequence[Run]) -> float:
    """Return the mean rate of runs."""
    return mean(run.per_second for run in runs)


def _cells(runs: Sequence[Run], reference: float) -> list[str]:
    longest = [run.max_ms for run in runs if run.max_ms is not None]
    return [
        f"{rate(runs):.0f}",
        f"{rate(runs) / reference:.2f}",
        *(_mean((getattr(run, name) for run in runs), decimals=2) for name in ("mean_ms", "p50_ms", "p99_ms")),
        f"{max(longest):.0f}" if longest else "",
        str(sum(run.errors for run in runs)),
        *(_mean(run.processor_us.get(process) for run in runs) for process in (*PROCESSES, "wrk")),
    ]


def _mean(values: Iterable[float | None], *, decimals: int = 0) -> str:
    """Return the mean of the values that are known, or nothing if none is."""
    known = [value for value in values if value is not None]
    return f"{mean(known):.{decimals}f}" if known else ""


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    others = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return f"| {' | '.join([cells[0].ljust(widths[0]), *others])} |"
