"""Real processes for tests: on free ports, with their output read continuously, and killed at the end."""

import itertools
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar

import pytest
import requests
from werkzeug.test import TestResponse

from shared.http.addresses import why_not_free
from tests.support.repository import ROOT

Answer = TypeVar("Answer", requests.Response, TestResponse)

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS_PER_WORKER = 2_000
_untried = iter(
    random.SystemRandom().sample(
        range(15_000 + _WORKER * _PORTS_PER_WORKER, 15_000 + (_WORKER + 1) * _PORTS_PER_WORKER), k=_PORTS_PER_WORKER
    )
)


def free_ports(count: int) -> list[int]:
    """Return ports on which nothing listens now, each of them once per run.

    Each worker of the run has ports of its own, and a service that a test left behind may still be starting: no other
    test is given its port. All are outside the range of ephemeral ports. Otherwise a client connection could take the
    port of a killed server before the server is restarted.
    """
    free = (port for port in _untried if why_not_free("127.0.0.1", port) is None)
    return list(itertools.islice(free, count))


def eventually(condition: Callable[[], object], *, within_seconds: float = 10.0, what: str = "") -> None:
    """Wait until `condition` returns a true value. Fails the test after the timeout, naming `what`."""
    give_up_at = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < give_up_at, f"not within {within_seconds} s: {what or condition}"
        time.sleep(0.02)


def with_retries(ask: Callable[[], Answer]) -> Answer:
    """Send a request that prepares a test, again while it is refused with 503 and Retry-After, for 30 seconds.

    Requests that a test is about are sent once, without this.
    """
    give_up_at = time.monotonic() + 30
    answer = ask()
    while answer.status_code == 503 and "Retry-After" in answer.headers and time.monotonic() < give_up_at:
        time.sleep(float(answer.headers["Retry-After"]))
        answer = ask()
    return answer


@contextmanager
def as_another_user() -> Iterator[None]:
    """Run the block as the user nobody. Skips the test when this process is not root."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def is_running(process_id: int) -> bool:
    """Return whether the process exists and is not a zombie."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def status_of(url: str) -> int | None:
    """Return the status of a GET request, or None without a response."""
    try:
        with requests.get(url, timeout=2) as answer:
            return answer.status_code
    except requests.RequestException:
        return None


class StandStills:
    """Detects when no thread runs for more than a second, as when the host pauses a virtual machine.

    Tests subtract these times from measured durations.
    """

    def __init__(self) -> None:
        self._spans: list[tuple[float, float]] = []
        self._stopping = threading.Event()

    @contextmanager
    def watched(self) -> Iterator[Self]:
        """Detect standstills during the block."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            thread.join()

    @property
    def seconds(self) -> list[float]:
        """The duration of each standstill."""
        return [ended_at - began_at for began_at, ended_at in self._spans]

    def within(self, began_at: float, ended_at: float) -> float:
        """Return the seconds of standstill between two monotonic times."""
        return sum(max(0.0, min(ended_at, end) - max(began_at, begin)) for begin, end in self._spans)

    def _watch(self) -> None:
        ticked_at = time.monotonic()
        while not self._stopping.wait(0.1):
            now = time.monotonic()
            if now - ticked_at > 1:
                self._spans.append((ticked_at, now))
            ticked_at = now


@contextmanager
def running_bank(data_dir: Path, *options: str, **environment: str) -> Iterator[str]:
    """Run a bank of real processes during the block, with options of run_services.py; yield its gateway's URL."""
    names = ("API_GATEWAY", "AUTH_SERVICE", "ACCOUNT_SERVICE", "TRANSACTION_SERVICE", "REPORTING_SERVICE")
    ports = {f"{name}_PORT": str(port) for name, port in zip(names, free_ports(len(names)), strict=True)}
    environment = {**ports, "BANK_DATA_DIR": str(data_dir), **environment}
    with RunningProcess("run_services.py", *options, environment=environment) as bank:
        yield bank.wait_for(r"Open (http://\S+)", within_seconds=60)[1]


class RunningProcess:
    """A Python process whose output is read continuously. As a context manager it is killed at exit.

    `cwd` is the source tree whose code it runs.
    """

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None, cwd: Path = ROOT) -> None:
        self.output = ""
        self._has_ended = False
        self._came = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.process_id = self._process.pid
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self.wait()

    def wait_for(self, pattern: str, *, times: int = 1, within_seconds: float = 15.0) -> re.Match[str]:
        """Wait until `pattern` occurs `times` times in the output, and return the last of these matches."""
        with self._came:
            self._came.wait_for(
                lambda: self._has_ended or len(re.findall(pattern, self.output)) >= times, within_seconds
            )
        matches = list(re.finditer(pattern, self.output))
        assert len(matches) >= times, f"{pattern!r} occurred {len(matches)} times, not {times}:\n{self.output}"
        return matches[times - 1]

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self._process.send_signal(number)

    def wait(self, *, within_seconds: float = 15.0) -> int:
        """Wait until the process and its output have ended, and return the exit status."""
        status = self._process.wait(within_seconds)
        self._reader.join(within_seconds)
        assert self._process.stdout
        self._process.stdout.close()
        return status

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            with self._came:
                self.output += line
                self._came.notify_all()
        with self._came:
            self._has_ended = True
            self._came.notify_all()
