"""Runs wrk with `transfers.lua` on a gateway."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SCRIPT = Path(__file__).with_name("transfers.lua")
LAST_ANSWERS_SECONDS = 1


@dataclass(frozen=True)
class Run:
    """The result of one run. Only successful responses count for `per_second`; every other request is an error.

    `processor_us`: processor time of each process for a successful request. `failed_at`: the times of failed answers by
    the monotonic clock; only an open loop records them.
    """

    per_second: float
    mean_ms: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None
    succeeded: int = 0
    errors: int = 0
    processor_us: Mapping[str, float] = field(default_factory=dict)
    failed_at: tuple[float, ...] = ()


def require_wrk() -> None:
    """Exit, saying how to install wrk, if it is missing."""
    if not shutil.which("wrk"):
        sys.exit("This needs wrk (Debian: apt-get install wrk).")


def run_wrk(
    gateway: str, routes: Path, connections: int, seconds: int, *, reads_percent: int = 0, per_second: float = 0
) -> Run:
    """Send transfers along `routes`, lines of "token from to"; `reads_percent` of the requests are reads instead.

    In a closed loop, or in an open loop at the rate `per_second`. There the latency begins when a request is due, and a
    request without an answer a second after the last was due is an error.
    """
    duration = seconds + LAST_ANSWERS_SECONDS if per_second else seconds
    command = ["wrk", "-t1", f"-c{connections}", f"-d{duration}s", "--timeout", "10s", "-s", str(SCRIPT), gateway]
    command += ["--", str(routes), str(reads_percent), str(per_second), str(seconds)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result = json.loads(output.strip().splitlines()[-1])
    succeeded, measured_seconds = result["succeeded"], seconds if per_second else result["seconds"]
    return Run(
        per_second=succeeded / measured_seconds,
        mean_ms=None if per_second else 1e3 * connections * measured_seconds / max(succeeded, 1),
        p50_ms=result["p50_ms"],
        p99_ms=result["p99_ms"],
        max_ms=result["max_ms"],
        succeeded=succeeded,
        errors=result["errors"],
        failed_at=tuple(result["failed_at"]),
    )
