"""Banks to be hurt."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.bank import FaultyBank
from tests.faults.failing import FailingMachine


@pytest.fixture
def still_bank(tmp_path: Path) -> Iterator[FaultyBank]:
    """A bank that has not been started yet."""
    bank = FaultyBank(tmp_path)
    yield bank
    bank.close()


@pytest.fixture
def bank(still_bank: FaultyBank) -> FaultyBank:
    """A bank that runs."""
    still_bank.start()
    return still_bank


@pytest.fixture
def machine(tmp_path: Path) -> FailingMachine:
    """A machine that can be made to fail."""
    return FailingMachine(tmp_path)


@pytest.fixture
def still_bank_on_machine(machine: FailingMachine, tmp_path: Path) -> Iterator[FaultyBank]:
    """A bank on that machine, not started yet."""
    bank = FaultyBank(tmp_path / "data", **machine.variables)
    yield bank
    bank.close()


@pytest.fixture
def bank_on_machine(still_bank_on_machine: FaultyBank) -> FaultyBank:
    """A bank that runs on that machine."""
    still_bank_on_machine.start()
    return still_bank_on_machine
