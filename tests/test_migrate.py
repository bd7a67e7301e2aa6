"""The command `migrate.py`."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import create_engine

from shared.db.migrations import SchemaRefused
from tests.shared.db.old_databases import OLD, database_of, migrate, run
from tests.support import postgres


def test_the_command_upgrades_all_existing_databases(tmp_path: Path) -> None:
    with postgres.database() as url:
        engine = create_engine(url)
        run(engine, OLD / "account_postgresql.sql")
        with pytest.raises(SchemaRefused, match="revision none, and account_0"):
            database_of("account").connect(Flask("account"), url)
        for _ in range(2):
            done = migrate(BANK_DATA_DIR=str(tmp_path), ACCOUNT_DATABASE_URL=url)
            assert (done.returncode, done.stderr) == (0, "")
            assert "account-service: at revision account_0" in done.stdout
            assert "auth-service: no database yet" in done.stdout
        database_of("account").connect(Flask("account"), url)
        database_of("account").close()
        engine.dispose()
    assert not list(tmp_path.iterdir())


def test_the_command_names_a_database_in_use(tmp_path: Path) -> None:
    database_of("auth").connect(Flask("auth"), f"sqlite:///{tmp_path / 'auth.db'}")
    done = migrate(BANK_DATA_DIR=str(tmp_path))
    database_of("auth").close()
    assert done.returncode == 1
    assert "auth-service: " in done.stderr
    assert "in use by another process" in done.stderr
