"""Overload: the bank serves what it can, refuses the rest quickly, and recovers immediately afterwards."""

import re
import resource
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest
import requests

from tests.faults.bank import ANSWER_SECONDS, NAMES, FaultyBank
from tests.faults.history import History, judge
from tests.faults.load import Payer
from tests.faults.overload import ConcurrentClients, TimedResponse
from tests.support.processes import StandStills, eventually

pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timing, pytest.mark.timeout(180)]
CONNECTIONS, SECONDS = 3600, 8
LONGEST_SECONDS = 5.0
MAX_THREADS, MAX_MEGABYTES = 256, 256


class Watch:
    """The maximum of threads and memory of each process, and the results of the live check."""

    def __init__(self, bank: FaultyBank) -> None:
        self._bank = bank
        self._process_ids = self._running()
        self._stopping = threading.Event()
        self.threads, self.megabytes = dict.fromkeys(NAMES, 0), dict.fromkeys(NAMES, 0)
        self.live: list[tuple[int, float, float]] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Sample twice a second during the block."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()

    def has_same_processes(self) -> bool:
        """Return whether no process has died or was restarted by the supervisor."""
        return self._running() == self._process_ids

    def _running(self) -> dict[str, int | None]:
        return {name: self._bank.process_id(name) for name in NAMES}

    def _watch(self) -> None:
        while not self._stopping.wait(0.5):
            for name, process_id in self._process_ids.items():
                status = Path(f"/proc/{process_id}/status").read_text()
                self.threads[name] = max(self.threads[name], _number(status, "Threads"))
                self.megabytes[name] = max(self.megabytes[name], _number(status, "VmRSS") // 1024)
            began_at = time.monotonic()
            live = requests.get(f"{self._bank.gateway}/api/live", timeout=ANSWER_SECONDS)
            self.live.append((live.status_code, began_at, time.monotonic()))


def _number(status: str, name: str) -> int:
    """Return a value of /proc/PID/status (proc(5)); memory is in KiB."""
    found = re.search(rf"^{name}:\s*(\d+)", status, re.MULTILINE)
    assert found
    return int(found[1])


def seconds_alone(bank: FaultyBank, customer: Payer) -> float:
    """Return the median duration of eleven transfers without other load, in seconds."""
    source, target = customer.account_ids
    body = {"from_account_id": source, "to_account_id": target, "amount": "0.01", "description": "alone"}
    took = []
    for _ in range(11):
        began_at = time.monotonic()
        bank.call("POST", "/api/transactions/transfer", customer.token, json=body)
        took.append(time.monotonic() - began_at)
    return median(took)


@pytest.fixture(autouse=True)
def raise_file_limit() -> None:
    """Raise the limit of open files: the clients and the gateway need one for each connection."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < 2 * CONNECTIONS + 256:
        pytest.skip(f"this machine allows {most} open files to a process")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def test_an_overload_is_served_or_refused_quickly_and_leaves_no_trace(bank: FaultyBank) -> None:
    customers = [Payer.of(bank, f"customer-{number}", accounts=2, opening="100.00") for number in range(8)]
    history = History(opening={account: 10_000 for customer in customers for account in customer.account_ids})
    watch = Watch(bank)
    alone_before = seconds_alone(bank, customers[0])
    with StandStills().watched() as stood_still, watch.watching():
        responses = ConcurrentClients(bank, customers, CONNECTIONS).run(SECONDS)
    eventually(
        lambda: seconds_alone(bank, customers[0]) < 2 * alone_before + 0.02,
        within_seconds=5,
        what="a lone transfer is as fast as before",
    )
    require_prompt_answers(responses, stood_still)
    require_no_pile(watch, stood_still)
    history.operations = [one.operation for one in responses]
    bank.read_end(history)
    verdict, broken = judge(history)
    assert verdict == "VALID", broken[:20]


def require_prompt_answers(responses: list[TimedResponse], stood_still: StandStills) -> None:
    """Check that all requests were answered in time, as acknowledged, pending or refused by overload."""
    answers = Counter(one.status for one in responses)
    refused = [one for one in responses if one.status in (429, 503)]
    longest = max(one.seconds - stood_still.within(one.operation.began_at, one.operation.ended_at) for one in responses)
    print(f"\n{dict(answers)}, the last after {longest:.2f} s")
    assert answers.keys() <= {201, 202, 429, 503}
    assert answers[201] > SECONDS * 50
    assert all(one.retry_after for one in refused)
    # Connections that ask again at once wait for their number divided by the rate, on average (Little's law).
    mean_seconds = CONNECTIONS * SECONDS / len(responses)
    assert not refused or median(one.seconds for one in refused) < 1.5 * mean_seconds
    assert longest < LONGEST_SECONDS


def require_no_pile(watch: Watch, stood_still: StandStills) -> None:
    """Check that threads and memory stayed within limits and that no process was restarted."""
    print(f"threads {watch.threads}, megabytes {watch.megabytes}")
    assert max(watch.threads.values()) <= MAX_THREADS
    assert max(watch.megabytes.values()) <= MAX_MEGABYTES
    assert {status for status, _, _ in watch.live} == {200}
    assert max(end - begin - stood_still.within(begin, end) for _, begin, end in watch.live) < LONGEST_SECONDS
    assert watch.has_same_processes()
