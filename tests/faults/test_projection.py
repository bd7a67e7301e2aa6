"""A transaction database that is lost or restored, and two transaction services on one ledger."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from shared.db.sqlite import sqlite3
from tests.faults.bank import ANSWER_SECONDS, FaultyBank
from tests.faults.load import Load, Payer
from tests.faults.wire import Exchange
from tests.support.processes import RunningProcess, eventually, status_of

pytestmark = [pytest.mark.faults, pytest.mark.long, pytest.mark.timeout(300)]
TRANSACTION = "transaction-service"


def replace_database(bank: FaultyBank, backup: Path | None) -> None:
    """Kill the service, and replace its database by a backup or remove it before the restart."""
    database = bank.data_dir / "transaction.db"
    bank.send_signal(TRANSACTION, signal.SIGKILL)
    for end in ("-wal", "-shm", ""):
        Path(f"{database}{end}").unlink(missing_ok=True)
    if backup:
        backup.rename(database)


def test_a_transaction_database_put_back_or_deleted_under_the_running_ledger_loses_nothing(
    bank: FaultyBank, tmp_path: Path
) -> None:
    load, backup = Load(bank), tmp_path / "backup.db"
    with load.running():
        load.wait_for_more()
        with (
            closing(sqlite3.connect(bank.data_dir / "transaction.db")) as source,
            closing(sqlite3.connect(backup)) as to,
        ):
            source.backup(to)
        for replacement in (backup, None):
            load.wait_for_more()
            replace_database(bank, replacement)
            bank.wait_until_healthy()
            load.wait_for_more()
    load.require_valid()


def test_an_account_database_that_is_older_is_refused(bank: FaultyBank, tmp_path: Path) -> None:
    customer, backup = Payer.of(bank, "ada", accounts=1, opening="1.00"), tmp_path / "backup.db"
    with closing(sqlite3.connect(bank.data_dir / "account.db")) as source, closing(sqlite3.connect(backup)) as to:
        source.backup(to)
    bank.call("POST", "/api/transactions/deposit", customer.token, json=deposit_into(customer))
    bank.stop()
    for end in ("-wal", "-shm", ""):
        Path(f"{bank.data_dir / 'account.db'}{end}").unlink(missing_ok=True)
    backup.rename(bank.data_dir / "account.db")
    with RunningProcess("run_services.py", environment=bank.environment) as suite:
        suite.wait_for("is projected here, and the ledger does not have it", within_seconds=60)
        assert suite.wait(within_seconds=60) == 1


def deposit_into(customer: Payer) -> dict[str, str]:
    return {"account_id": customer.account_ids[0], "amount": "1.00", "description": "one"}


class Two:
    """Two transaction services with their own databases on one ledger, called directly."""

    def __init__(self, bank: FaultyBank, folder: Path) -> None:
        self.bank = bank
        self.customer = Payer.of(bank, "ada", accounts=1, opening="100.00")
        self.one = f"http://127.0.0.1:{bank.ports[TRANSACTION]}"
        self.other, self.process = bank.another_transaction_service(folder)
        self.wait_for_other()

    def wait_for_other(self) -> None:
        eventually(lambda: status_of(f"{self.other}/api/health") == 200, within_seconds=30, what="the other is healthy")

    def deposit(self, service: str, key: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.customer.token}", "Idempotency-Key": key}
        url = f"{service}/api/transactions/deposit"
        return requests.post(url, json=deposit_into(self.customer), headers=headers, timeout=ANSWER_SECONDS)

    def listed(self, service: str) -> list[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self.customer.token}"}
        answer = requests.get(f"{service}/api/transactions/list?limit=200", headers=headers, timeout=ANSWER_SECONDS)
        found: list[dict[str, Any]] = answer.json()["transactions"]
        return [row for row in found if row["description"] == "one"]

    def balance(self) -> str:
        path = f"/api/accounts/details/{self.customer.account_ids[0]}"
        balance: str = self.bank.call("GET", path, self.customer.token)["account"]["balance"]
        return balance


def test_two_instances_execute_concurrent_requests_with_one_key_once(bank: FaultyBank, tmp_path: Path) -> None:
    two = Two(bank, tmp_path)
    with two.process, ThreadPoolExecutor(8) as pool:
        asked = [(service, f"key-{number}") for number in range(20) for service in (two.one, two.other)]
        answers = list(pool.map(lambda one: two.deposit(*one), asked))
        assert {answer.status_code for answer in answers} == {201}
        ids = [answer.json()["transaction"]["id"] for answer in answers]
        assert ids[::2] == ids[1::2]
        assert len(set(ids)) == 20
        assert sum(answer.headers.get("Idempotent-Replayed") == "true" for answer in answers) == 20
        assert two.balance() == "120.00"
        eventually(lambda: len(two.listed(two.one)) == len(two.listed(two.other)) == 20, what="both list all")


def test_a_decision_of_a_killed_instance_is_visible_at_the_other(still_bank: FaultyBank, tmp_path: Path) -> None:
    bank = still_bank
    wire = bank.wire_to("account-service", "/internal/postings")
    bank.start()
    two = Two(bank, tmp_path)

    def killed_after(kill: Callable[[], None]) -> Callable[[Exchange], None]:
        def fault(exchange: Exchange) -> None:
            exchange.deliver()
            kill()
            exchange.reset()

        return fault

    with two.process:
        done = wire.inject_later(killed_after(lambda: os.kill(two.process.process_id, signal.SIGKILL)))
        with pytest.raises(requests.RequestException):
            two.deposit(two.other, "killed")
        done(10)
        eventually(
            lambda: [row["status"] for row in two.listed(two.one)] == ["completed"], what="the other projects it"
        )
        again = two.deposit(two.one, "killed")
        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
        assert two.balance() == "101.00"
