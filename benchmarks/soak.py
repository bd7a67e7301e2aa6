"""Run at half of the peak rate for ten minutes: no error, no lost cent, no growing process.

    python -m benchmarks.soak [--minutes 10] [--peak-seconds 10]

First the peak is measured, as fast as 64 connections are answered; then requests arrive at half of that rate, at random
moments: four transfers to a read, by wrk through the gateway of a bank of five processes. Their latency begins when
they are due. Meanwhile the memory of each is read every two seconds (VmRSS of /proc/PID/status: what it holds of the
machine's memory, with what it shares). A fifth of the time is for caches to fill; what a process holds then and what it
holds at the end are medians over a tenth of the time each. Fails when a request was not answered with success, money is
missing, a process was replaced, or one grew by more than a tenth. When the machine itself stands still for seconds, as
guests of a busy host do, requests that were refused then are reported separately. Needs wrk; calls only loopback.
"""

import argparse
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from benchmarks.bank import memory_megabytes, running_bank
from benchmarks.output import print_runs, print_table
from benchmarks.wrk import Run, require_wrk
from tests.faults.bank import NAMES, FaultyBank
from tests.support.processes import StandStills

CONNECTIONS, READS_PERCENT = 64, 20
SAMPLE_SECONDS = 2.0
WARM_UP, WINDOW = 0.2, 0.1
MAX_GROWTH = 1.10
AFTERMATH_SECONDS = 6.0


class Memory:
    """Periodic samples of the memory of the five processes, in megabytes."""

    def __init__(self, bank: FaultyBank) -> None:
        self._bank = bank
        self._process_ids = self._running()
        self._samples: dict[str, list[float]] = {name: [] for name in NAMES}
        self._stopping = threading.Event()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Take samples during the block."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()

    def warm_and_last(self, name: str) -> tuple[float, float]:
        """Return the memory of a process after the warm-up and at the end."""
        samples = self._samples[name]
        window = max(1, round(len(samples) * WINDOW))
        begin = round(len(samples) * WARM_UP)
        return median(samples[begin : begin + window]), median(samples[-window:])

    def has_same_processes(self) -> bool:
        """Return whether no process was replaced."""
        return self._running() == self._process_ids

    def _running(self) -> dict[str, int | None]:
        return {name: self._bank.process_id(name) for name in NAMES}

    def _watch(self) -> None:
        while not self._stopping.wait(SAMPLE_SECONDS):
            for name, process_id in self._process_ids.items():
                self._samples[name].append(memory_megabytes(process_id))


def main() -> int:
    """Measure, soak and print the table. Return 1 when money is missing, a request failed or a process has grown."""
    options = _options()
    require_wrk()
    with running_bank() as bank:
        peak = bank.run(CONNECTIONS, options.peak_seconds, reads_percent=READS_PERCENT)
        seconds, rate = round(options.minutes * 60), peak.per_second / 2
        print(f"peak {peak.per_second:.0f} a second; {seconds} s at {rate:.0f} a second follow", file=sys.stderr)
        memory = Memory(bank.suite)
        with StandStills().watched() as stood_still, memory.watched():
            soak = bank.run(CONNECTIONS, seconds, per_second=rate, reads_percent=READS_PERCENT)
        is_whole = memory.has_same_processes()
        unexcused = _print_load(peak, soak, stood_still)
        is_flat = _print_memory(memory)
        is_conserved = bank.is_money_conserved()
    print("no process was replaced" if is_whole else "A PROCESS WAS REPLACED")
    return 0 if is_flat and is_whole and is_conserved and not unexcused else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Half the peak for minutes, and what becomes of the memory.")
    parser.add_argument("--minutes", type=float, default=10, help="length of the soak")
    parser.add_argument("--peak-seconds", type=int, default=10, help="length of the measurement of the peak")
    return parser.parse_args()


def _print_load(peak: Run, soak: Run, stood_still: StandStills) -> int:
    """Print the results of both loads, and return the number of errors that no standstill explains."""
    print_runs("", {"peak, 64 connections": ([peak], peak.per_second), "soak, half of it": ([soak], peak.per_second)})
    excused = sum(stood_still.within(at - AFTERMATH_SECONDS, at) > 0 for at in soak.failed_at)
    if pauses := stood_still.seconds:
        print(f"the machine stood still {len(pauses)} times, {sum(pauses):.0f} s in all: {excused} errors are of then")
    return soak.errors - excused


def _print_memory(memory: Memory) -> bool:
    """Print the memory of each process, and return whether none has grown too much."""
    found = {name: memory.warm_and_last(name) for name in NAMES}
    rows = [(name, f"{warm:.1f}", f"{last:.1f}", f"{last / warm:.2f}") for name, (warm, last) in found.items()]
    print_table(("RSS", "warm MB", "end MB", "ratio"), rows)
    grown = [name for name, (warm, last) in found.items() if last / warm > MAX_GROWTH]
    print("".join(f"{name} GREW\n" for name in grown), end="")
    return not grown


if __name__ == "__main__":
    sys.exit(main())
