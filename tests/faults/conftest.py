"""Fixtures: banks and machines for fault tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.bank import FaultyBank
from tests.faults.failing import FailingMachine


@pytest.fixture
def still_bank(tmp_path: Path) -> Iterator[FaultyBank]:
    """Yield a bank that is not started."""
    bank = FaultyBank(tmp_path)
    yield bank
    bank.close()


@pytest.fixture
def bank(still_bank: FaultyBank) -> FaultyBank:
    """Yield a running bank."""
    still_bank.start()
    return still_bank


@pytest.fixture
def machine(tmp_path: Path) -> FailingMachine:
    """Yield a machine with injectable faults."""
    return FailingMachine(tmp_path)


@pytest.fixture
def still_bank_on_machine(machine: FailingMachine, tmp_path: Path) -> Iterator[FaultyBank]:
    """Yield a bank on `machine` that is not started."""
    bank = FaultyBank(tmp_path / "data", **machine.variables)
    yield bank
    bank.close()


@pytest.fixture
def bank_on_machine(still_bank_on_machine: FaultyBank) -> FaultyBank:
    """Yield a running bank on `machine`."""
    still_bank_on_machine.start()
    return still_bank_on_machine
