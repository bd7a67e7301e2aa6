"""Kill -9, stalls and power cuts under load: whatever was acknowledged happened once, whatever was refused did not."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.bank import FaultyBank, Load
from tests.faults.history import judge

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
SEED = int(os.environ.get("BANK_FAULT_SEED", "20261125"))
ROUNDS = int(os.environ.get("BANK_FAULT_ROUNDS", "1"))


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[FaultyBank]:
    bank = FaultyBank(tmp_path)
    bank.start()
    yield bank
    bank.stop(signal.SIGKILL)


def require_valid(bank: FaultyBank, load: Load) -> None:
    """Read the end and judge the history. The seed of the run is printed, to run it again."""
    bank.read_end(load.history)
    verdict, broken = judge(load.history)
    print(f"{verdict} after {load.acknowledged()} acknowledged operations, seed {SEED}")
    assert (verdict, broken) == ("VALID", [])
    assert load.acknowledged() > 0


@pytest.mark.parametrize("victim", ["account-service", "transaction-service", "api-gateway"])
def test_a_service_killed_under_load_loses_nothing(bank: FaultyBank, victim: str) -> None:
    chance = random.Random(f"{SEED}-{victim}")
    load = Load(bank, SEED)
    with load.running():
        for _ in range(ROUNDS + 1):
            time.sleep(chance.uniform(0.3, 1.5))
            bank.hurt(victim, signal.SIGKILL)
            bank.wait_until_healthy()
        time.sleep(0.5)
    require_valid(bank, load)


def test_a_service_that_stalls_holds_nobody_up_for_ever(bank: FaultyBank) -> None:
    load = Load(bank, SEED)
    with load.running():
        for victim in ("account-service", "transaction-service"):
            time.sleep(0.5)
            bank.hurt(victim, signal.SIGSTOP)
            time.sleep(4)
            bank.hurt(victim, signal.SIGCONT)
            bank.wait_until_healthy()
    require_valid(bank, load)


def test_a_power_cut_loses_nothing(bank: FaultyBank) -> None:
    load = Load(bank, SEED)
    with load.running():
        for _ in range(ROUNDS):
            time.sleep(1)
            bank.kill_all()
            bank.start()
        time.sleep(1)
    require_valid(bank, load)


def test_an_orderly_stop_under_load_leaves_nothing_pending(bank: FaultyBank) -> None:
    load = Load(bank, SEED)
    with load.running():
        time.sleep(1)
        bank.stop(signal.SIGTERM)
        bank.start()
        time.sleep(1)
    require_valid(bank, load)
