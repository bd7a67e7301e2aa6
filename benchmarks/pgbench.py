"""PostgreSQL's own benchmark, pgbench, on a throwaway cluster: TPC-B at scale 10, every commit durable."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.wrk import Run
from tests.support.postgres import cluster_folder, programs_folder

SCALE = 10


@contextmanager
def running_pgbench() -> Iterator["Pgbench"]:
    """Start a cluster with pgbench's tables."""
    with cluster_folder() as folder:
        pgbench = Pgbench(folder)
        pgbench.call("-i", "-q", "-s", str(SCALE))
        yield pgbench


class Pgbench:
    """pgbench on a running cluster, which it reaches by the socket in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, clients: int, seconds: int) -> Run:
        """Measure. pgbench reports the mean latency, but no percentiles."""
        output = self.call("-c", str(clients), "-j", str(min(2, clients)), "-T", str(seconds))
        rate, mean = (re.search(pattern, output) for pattern in (r"tps = ([0-9.]+)", r"latency average = ([0-9.]+) ms"))
        assert rate, output
        assert mean, output
        return Run(per_second=float(rate[1]), mean_ms=float(mean[1]))

    def call(self, *arguments: str) -> str:
        """Run pgbench and return its output."""
        programs = programs_folder()
        assert programs
        command = [str(programs / "pgbench"), "-h", str(self._folder), "-U", "bank", *arguments, "postgres"]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=self._folder).stdout
