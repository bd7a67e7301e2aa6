"""SIGKILL, SIGTERM, stalls and power cuts under load: acknowledged operations happen once, refused ones never.

One bank has two processes of each service, and work goes on when one of them dies.
"""

import random
import signal
import time

import pytest

from tests.faults.bank import NAMES, FaultyBank
from tests.faults.load import ROUNDS, SEED, Load

CLIENTS = 8
pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(900)]


def test_a_service_killed_under_load_loses_nothing(bank: FaultyBank) -> None:
    rng = random.Random(SEED)
    load = Load(bank)
    with load.running():
        for victim in NAMES * ROUNDS:
            time.sleep(rng.uniform(0.3, 1.5))
            bank.send_signal(victim, signal.SIGKILL)
            bank.wait_until_healthy()
        time.sleep(0.5)
    load.require_valid()


def test_a_service_stopped_under_load_finishes_its_requests(bank: FaultyBank) -> None:
    rng = random.Random(SEED)
    load = Load(bank)
    with load.running():
        for victim in ["transaction-service", "account-service", "api-gateway"] * ROUNDS:
            time.sleep(rng.uniform(0.3, 1))
            bank.send_signal(victim, signal.SIGTERM)
            bank.wait_until_healthy()
    load.require_valid()


def test_a_stalled_service_blocks_no_request_forever(bank: FaultyBank) -> None:
    load = Load(bank)
    with load.running():
        for victim in ["account-service", "transaction-service"] * ROUNDS:
            time.sleep(0.5)
            bank.send_signal(victim, signal.SIGSTOP)
            time.sleep(4)
            bank.send_signal(victim, signal.SIGCONT)
            bank.wait_until_healthy()
    load.require_valid()


def test_power_cuts_and_orderly_stops_under_load_lose_nothing_and_leave_nothing_pending(bank: FaultyBank) -> None:
    load = Load(bank)
    with load.running():
        for stop in [bank.kill_all, bank.stop] * ROUNDS:
            time.sleep(1)
            stop()
            bank.start()
        time.sleep(1)
    load.require_valid()


def requests_to(bank: FaultyBank, name: str, path: str) -> int:
    """Return how often a service of `bank` has answered requests to `path`, by its log."""
    return (bank.data_dir / "logs" / f"{name}.log").read_text().count(path)


def test_killed_processes_of_two_of_each_service_lose_nothing(banks: tuple[FaultyBank, FaultyBank]) -> None:
    one, two = banks
    rng = random.Random(SEED)
    load = Load(one, clients=CLIENTS)
    with load.running():
        for victim in NAMES * ROUNDS:
            time.sleep(rng.uniform(0.3, 1.5))
            # Customers call the first gateway. In front of several a proxy would pass over a dead one.
            (two if victim == "api-gateway" else rng.choice(banks)).send_signal(victim, signal.SIGKILL)
            load.wait_for_more()
            for bank in banks:
                bank.wait_until_healthy()
    assert load.count("unknown") <= CLIENTS * len(NAMES) * ROUNDS, "only requests under way at a death go unanswered"
    two.stop()
    load.require_valid()
    for bank in banks:
        assert requests_to(bank, "account-service", "/internal/postings") > 0
        assert requests_to(bank, "transaction-service", "/internal/requests") > 0
