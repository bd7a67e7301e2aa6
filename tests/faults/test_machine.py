"""Faults of the machine under load: a full disk, failing fsync, a locked database, a clock that is set."""

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


def test_a_full_disk_loses_nothing(bank_on_machine: FaultyBank, machine: FailingMachine) -> None:
    load = Load(bank_on_machine)
    with load.running():
        for database in DATABASES * ROUNDS:
            load.wait_for_more()
            with machine.disk_full(database), load.silence():
                time.sleep(SILENCE_SECONDS)
            load.wait_for_more()
    load.require_valid()


def test_a_disk_that_does_not_sync_loses_nothing(bank_on_machine: FaultyBank, machine: FailingMachine) -> None:
    """The process is also killed in that time, with a commit in its file that it could not sync.

    Only the ledger must be synced before a 201, since the projection is rebuilt from it.
    """
    bank, load = bank_on_machine, Load(bank_on_machine)
    with load.running():
        for database in DATABASES * ROUNDS:
            load.wait_for_more()
            with machine.not_syncing(database):
                with load.silence() if database == "account.db" else nullcontext():
                    time.sleep(SILENCE_SECONDS)
                bank.send_signal(database.replace(".db", "-service"), signal.SIGKILL)
            bank.wait_until_healthy()
            load.wait_for_more()
    load.require_valid()


def test_postings_lost_in_a_power_cut_are_projected_again(
    still_bank_on_machine: FaultyBank, machine: FailingMachine
) -> None:
    """The ledger commits durably, the projection does not: the unsynced end of its log is removed."""
    bank, taken, cuts = still_bank_on_machine, 0, 0
    with machine.noting_syncs("transaction.db-wal"):
        bank.start()
        load = Load(bank)
        with load.running():
            while cuts < ROUNDS or (taken == 0 and cuts < ROUNDS + 8):  # a cut removes nothing when all is synced
                cuts += 1
                load.wait_for_more()
                # It is killed first, so that it does not record that the other services don't respond.
                bank.send_signal("transaction-service", signal.SIGKILL)
                bank.kill_all()
                taken += machine.cut_off_unsynced(bank.data_dir / "transaction.db-wal")
                bank.start()
                load.wait_for_more()
        load.require_valid()
    assert taken > 0


def test_a_locked_database_loses_nothing(bank: FaultyBank) -> None:
    load = Load(bank)
    with load.running():
        for database in DATABASES * ROUNDS:
            with closing(sqlite3.connect(bank.data_dir / database, isolation_level=None)) as other:
                load.wait_for_more()
                other.execute("BEGIN IMMEDIATE")
                with load.silence():
                    time.sleep(6)  # longer than the lock timeout of the bank
                other.execute("ROLLBACK")
                load.wait_for_more()
    load.require_valid()


def test_a_clock_set_forward_and_back_loses_nothing(bank_on_machine: FaultyBank, machine: FailingMachine) -> None:
    """The clock is ten minutes ahead: pending transactions seem old enough to be voided, and later ones, after the
    clock is set back, seem to be from the future."""
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
