"""Backups of a running bank, restoring them, and verifying both."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from shared.db.sqlite import sqlite3
from tests.support.repository import ROOT
from tests.support.suite import Suite


def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run backup.py with these arguments and variables."""
    command = [sys.executable, "backup.py", *map(str, arguments)]
    given = {**os.environ, **variables}
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def backup(bank: Suite) -> Path:
    """A backup that was made beside the running bank, in which somebody has 75.00 dollars."""
    folder = Path(bank.variables["BANK_DATA_DIR"])
    (folder / "secrets").mkdir(exist_ok=True)
    (folder / "secrets" / "signing_key").write_text("the first key")
    ada = bank.person("ada")
    account = ada.open("100.00")["id"]
    ada.pay("withdraw", account_id=account, amount="25.00")
    done = run("save", folder.parent / "backup", BANK_DATA_DIR=str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    ada.pay("deposit", account_id=account, amount="5.00")
    return folder.parent / "backup"


@pytest.fixture
def data(tmp_path: Path, backup: Path) -> Path:
    """The data directory of a bank that is not running, restored from the backup."""
    done = run("restore", backup, BANK_DATA_DIR=str(tmp_path / "data"))
    assert (done.returncode, done.stderr) == (0, "")
    return tmp_path / "data"


def balances(folder: Path) -> list[int]:
    with closing(sqlite3.connect(folder / "account.db")) as connection:
        return [row[0] for row in connection.execute("SELECT balance_minor FROM account")]


def test_a_backup_of_a_running_bank_has_all_databases_and_secrets_for_the_owner_alone(backup: Path) -> None:
    files = {path.relative_to(backup).as_posix(): path.stat().st_mode & 0o777 for path in backup.rglob("*.*")}
    assert files == {f"{name}.db": 0o600 for name in ("auth", "account", "transaction", "reporting")}
    assert backup.stat().st_mode & 0o777 == 0o700
    assert (backup / "secrets" / "signing_key").read_text() == "the first key"
    assert balances(backup) == [7500]


def test_a_restored_bank_is_that_of_the_backup_and_verified(data: Path) -> None:
    assert balances(data) == [7500]
    assert (data / "secrets" / "signing_key").read_text() == "the first key"
    done = run("verify", BANK_DATA_DIR=str(data))
    assert (done.returncode, done.stderr) == (0, "")
    assert "every balance is the sum of its entries, in 2 postings" in done.stdout
    assert "The audit trail is intact" in done.stdout


def test_what_a_restore_replaces_is_kept(data: Path, backup: Path) -> None:
    with closing(sqlite3.connect(data / "account.db")) as connection, connection:
        connection.execute("UPDATE account SET balance_minor = 1")
    (data / "secrets" / "signing_key").write_text("another key")
    done = run("restore", backup, BANK_DATA_DIR=str(data))
    assert (done.returncode, done.stderr) == (0, "")
    assert balances(data) == [7500]
    (kept,) = data.glob("before-restore-*")  # the first restore replaced nothing
    assert balances(kept) == [1]
    assert (kept / "secrets" / "signing_key").read_text() == "another key"


@pytest.mark.parametrize("command", ["UPDATE account SET balance_minor = 1", "UPDATE posting SET amount_minor = 3"])
def test_verifying_names_a_balance_that_is_not_the_sum_of_its_entries(data: Path, command: str) -> None:
    with closing(sqlite3.connect(data / "account.db")) as connection, connection:
        connection.execute(command)
    done = run("verify", data)
    assert done.returncode == 1
    assert "is kept, the entries add up to" in done.stderr
    assert "The ledger is not intact" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["save", "{backup}"], "is not empty: name a new folder"),
        (["restore", "{backup}"], "transaction.db is in use by another process: stop that one first"),
        (["restore", "{backup}/secrets"], "there is no database at"),
        (["verify", "{backup}/secrets"], "there is no database at"),
        (["restore", ""], "name the folder of the backup"),
    ],
)
def test_what_can_not_be_done_is_refused_in_a_line(bank: Suite, backup: Path, arguments: list[str], says: str) -> None:
    named = [argument.format(backup=backup) for argument in arguments]
    done = run(*named, BANK_DATA_DIR=bank.variables["BANK_DATA_DIR"])
    assert done.returncode > 0
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert balances(Path(bank.variables["BANK_DATA_DIR"])) == [8000]


def test_a_damaged_backup_is_not_restored(tmp_path: Path, data: Path) -> None:
    (data / "account.db").write_bytes(b"not a database, but long enough to be read as one" * 100)
    done = run("restore", data, BANK_DATA_DIR=str(tmp_path / "other"))
    assert (done.returncode, "account.db can't be read" in done.stderr) == (1, True)
    assert not (tmp_path / "other").exists()


def test_a_database_on_postgresql_is_left_to_its_own_tools(tmp_path: Path) -> None:
    done = run("save", tmp_path / "backup", AUTH_DATABASE_URL="postgresql://bank@localhost/auth")
    assert (done.returncode, "AUTH_DATABASE_URL names a PostgreSQL database" in done.stderr) == (1, True)


def test_the_ledger_and_the_audit_trail_on_postgresql_are_verified(tmp_path: Path) -> None:
    bank = Suite(tmp_path, database="postgresql").start()
    try:
        urls = {name: url for name, url in bank.variables.items() if name.endswith("_DATABASE_URL")}
        done = run("verify", BANK_DATA_DIR=str(tmp_path), **urls)
    finally:
        bank.stop()
    assert done.returncode == 0, done.stderr
    assert ("The ledger is intact" in done.stdout, "The audit trail is intact" in done.stdout) == (True, True)
