"""A machine that fails under load: a full disk, a disk that does not sync, a locked database, a clock that is set."""

import signal
import time
from contextlib import closing, nullcontext

import pytest

from shared.db.sqlite import sqlite3
from tests.faults.bank import FaultyBank
from tests.faults.failing import FailingMachine
from tests.faults.load import ROUNDS, Load

pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(900)]
DATABASES = ("account.db", "transaction.db")
SILENCE_SECONDS = 1.5


@pytest.mark.parametrize("database", DATABASES)
def test_a_full_disk_loses_nothing(bank_on_machine: FaultyBank, machine: FailingMachine, database: str) -> None:
    load = Load(bank_on_machine)
    with load.running():
        for _ in range(ROUNDS):
            load.wait_for_more()
            with machine.disk_full(database), load.silence():
                time.sleep(SILENCE_SECONDS)
            load.wait_for_more()
    load.require_valid()


@pytest.mark.parametrize("database", DATABASES)
def test_a_disk_that_does_not_sync_loses_nothing(
    bank_on_machine: FaultyBank, machine: FailingMachine, database: str
) -> None:
    """Nor when the process dies just then, with a commit in its file that it could not vouch for.

    Only the ledger has to reach the disk before a 201: the projection is read from it again.
    """
    bank, load = bank_on_machine, Load(bank_on_machine)
    with load.running():
        for _ in range(ROUNDS):
            load.wait_for_more()
            with machine.not_syncing(database):
                with load.silence() if database == "account.db" else nullcontext():
                    time.sleep(SILENCE_SECONDS)
                bank.hurt(database.replace(".db", "-service"), signal.SIGKILL)
            bank.wait_until_healthy()
            load.wait_for_more()
    load.require_valid()


def test_a_power_cut_takes_what_was_not_synced_and_it_is_read_again(
    still_bank_on_machine: FaultyBank, machine: FailingMachine
) -> None:
    """The ledger has committed durably, the projection has not: its end is cut off."""
    bank, taken, cuts = still_bank_on_machine, 0, 0
    with machine.noting_syncs("transaction.db-wal"):
        bank.start()
        load = Load(bank)
        with load.running():
            while cuts < ROUNDS or (taken == 0 and cuts < ROUNDS + 8):  # one may come when all is just synced
                cuts += 1
                load.wait_for_more()
                bank.hurt(
                    "transaction-service", signal.SIGKILL
                )  # first, or it would write down that the others are silent
                bank.kill_all()
                taken += machine.cut_off_unsynced(bank.data_dir / "transaction.db-wal")
                bank.start()
                load.wait_for_more()
        load.require_valid()
    assert taken > 0


@pytest.mark.parametrize("database", DATABASES)
def test_a_database_that_somebody_else_has_locked_loses_nothing(bank: FaultyBank, database: str) -> None:
    load = Load(bank)
    with load.running(), closing(sqlite3.connect(bank.data_dir / database, isolation_level=None)) as other:
        for _ in range(ROUNDS):
            load.wait_for_more()
            other.execute("BEGIN IMMEDIATE")
            with load.silence():
                time.sleep(6)  # longer than the bank waits for a lock
            other.execute("ROLLBACK")
            load.wait_for_more()
    load.require_valid()


def test_a_clock_set_forward_and_back_loses_nothing(bank_on_machine: FaultyBank, machine: FailingMachine) -> None:
    """Ten minutes: what was begun before seems to be old enough to be given up, and what came after, to be of the
    future."""
    load = Load(bank_on_machine)
    with load.running():
        for _ in range(ROUNDS):
            load.wait_for_more()
            with machine.clock_ahead(600):
                time.sleep(2)
                load.wait_for_more()
            time.sleep(2)
            load.wait_for_more()
    load.require_valid()
