"""Fixtures: banks and machines for fault tests."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.bank import NAMES, FaultyBank
from tests.faults.failing import FailingMachine
from tests.support import postgres
from tests.support.consul_agent import NO_CONSUL, ConsulAgent, find_program
from tests.support.processes import eventually

DATABASES = ("AUTH_DATABASE_URL", "ACCOUNT_DATABASE_URL", "TRANSACTION_DATABASE_URL", "REPORTING_DATABASE_URL")


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


@pytest.fixture
def banks(tmp_path: Path) -> Iterator[tuple[FaultyBank, FaultyBank]]:
    """Yield two running sets of the five processes on the same PostgreSQL databases, found through Consul."""
    program = find_program()
    if program is None:
        pytest.skip(NO_CONSUL)
    with ExitStack() as stack:
        variables = {name: stack.enter_context(postgres.database()) for name in DATABASES}
        agent = stack.enter_context(ConsulAgent(program))
        variables |= {"CONSUL_HOST": "127.0.0.1", "CONSUL_PORT": str(agent.port)}
        one, two = (FaultyBank(tmp_path / name, **variables) for name in ("one", "two"))
        stack.callback(one.close)
        stack.callback(two.close)
        one.start()
        shutil.copytree(one.data_dir / "secrets", two.data_dir / "secrets")
        two.start()
        found = {name: {one.ports[name], two.ports[name]} for name in NAMES}
        eventually(lambda: {name: agent.passing_ports(name) for name in NAMES} == found, what="all are found")
        yield one, two
