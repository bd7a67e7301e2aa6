"""Kill -9, SIGTERM, stalls and power cuts under load: what was acknowledged happened once, what was refused did not."""

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


def test_a_service_that_is_told_to_end_under_load_finishes_what_it_has_begun(bank: FaultyBank) -> None:
    chance = random.Random(SEED)
    load = Load(bank)
    with load.running():
        for victim in ["transaction-service", "account-service", "api-gateway"] * ROUNDS:
            time.sleep(chance.uniform(0.3, 1))
            bank.hurt(victim, signal.SIGTERM)
            bank.wait_until_healthy()
    load.require_valid()


def test_a_service_that_stalls_holds_nobody_up_for_ever(bank: FaultyBank) -> None:
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
