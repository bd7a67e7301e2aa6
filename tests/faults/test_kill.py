"""SIGKILL, SIGTERM, stalls and power cuts under load: acknowledged operations happen once, refused ones never."""

import random
import signal
import time

import pytest

from tests.faults.bank import NAMES, FaultyBank
from tests.faults.load import ROUNDS, SEED, Load

pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(900)]


@pytest.mark.parametrize("victim", NAMES)
def test_a_service_killed_under_load_loses_nothing(bank: FaultyBank, victim: str) -> None:
    chance = random.Random(f"{SEED}-{victim}")
    load = Load(bank)
    with load.running():
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(0.3, 1.5))
            bank.hurt(victim, signal.SIGKILL)
            bank.wait_until_healthy()
        time.sleep(0.5)
    load.require_valid()


def test_a_service_stopped_under_load_finishes_its_requests(bank: FaultyBank) -> None:
    chance = random.Random(SEED)
    load = Load(bank)
    with load.running():
        for victim in ["transaction-service", "account-service", "api-gateway"] * ROUNDS:
            time.sleep(chance.uniform(0.3, 1))
            bank.hurt(victim, signal.SIGTERM)
            bank.wait_until_healthy()
    load.require_valid()


def test_a_stalled_service_blocks_no_request_forever(bank: FaultyBank) -> None:
    load = Load(bank)
    with load.running():
        for victim in ["account-service", "transaction-service"] * ROUNDS:
            time.sleep(0.5)
            bank.hurt(victim, signal.SIGSTOP)
            time.sleep(4)
            bank.hurt(victim, signal.SIGCONT)
            bank.wait_until_healthy()
    load.require_valid()


def test_a_power_cut_loses_nothing(bank: FaultyBank) -> None:
    load = Load(bank)
    with load.running():
        for _ in range(ROUNDS):
            time.sleep(1)
            bank.kill_all()
            bank.start()
        time.sleep(1)
    load.require_valid()


def test_an_orderly_stop_under_load_leaves_nothing_pending(bank: FaultyBank) -> None:
    load = Load(bank)
    with load.running():
        for _ in range(ROUNDS):
            time.sleep(1)
            bank.stop(signal.SIGTERM)
            bank.start()
        time.sleep(1)
    load.require_valid()
