"""The program that checks the audit trail, beside a running service."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, text

from auth_service.audit import audit_logic
from auth_service.auth_logic import Tools
from shared.web.parts import part
from tests.support.repository import ROOT
from tests.support.suite import BankOptions, Suite


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth",), database)


@pytest.fixture(scope="module")
def verify(bank: Suite) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the program on the bank's database."""
    given: dict[str, str] = {
        name: value for name, value in bank.variables.items() if name in ("BANK_DATA_DIR", "AUTH_DATABASE_URL")
    }

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "auth_service.verify_audit", *arguments],
            cwd=ROOT,
            env={**os.environ, **given, **variables},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def _chain(bank: Suite) -> None:
    app = bank.apps["auth"]
    with app.app_context():
        audit_logic.chain(part(Tools, app).audit)


def test_the_chain_is_checked_while_the_bank_runs_and_a_change_is_found(
    bank: Suite, verify: Callable[..., subprocess.CompletedProcess[str]], database: str
) -> None:
    person = bank.person("ada")
    _chain(bank)
    good = verify()
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith("The audit trail is intact: 3 entries are chained, 0 wait. The last hash is ")
    head = good.stdout.split()[-1]
    bank.log_in(person.username, "correct horse battery staple")
    _chain(bank)
    assert verify("--contains", head).returncode == 0
    other = verify("--contains", "f" * 64)
    assert (other.returncode, "was replaced or cut off" in other.stderr) == (1, True)
    url = bank.variables.get("AUTH_DATABASE_URL") or f"sqlite:///{bank.variables['BANK_DATA_DIR']}/auth.db"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "DROP TRIGGER audit_entry_refuses_update"
                if database == "sqlite"
                else "ALTER TABLE audit_entry DISABLE TRIGGER ALL"
            )
        )
        connection.execute(text("UPDATE audit_entry SET actor = 'mallory' WHERE sequence = 3"))
    engine.dispose()
    bad = verify()
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr.startswith("The audit trail is not intact: entry 3 (")


def test_a_missing_database_is_named(verify: Callable[..., subprocess.CompletedProcess[str]], tmp_path: object) -> None:
    missing = verify(AUTH_DATABASE_URL=f"sqlite:///{tmp_path}/none.db")
    assert (missing.returncode, "there is no database at" in missing.stderr) == (1, True)
