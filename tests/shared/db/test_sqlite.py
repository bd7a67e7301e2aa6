"""The choice of the SQLite library: pysqlite3 if installed, one per process."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from shared.db.database import Database
from shared.db.sqlite import sqlite3
from tests.support.repository import ROOT

LIBRARY = "from shared.db.sqlite import sqlite3; print(sqlite3.__name__)"


def printed_by(program: str) -> str:
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    return result.stdout.strip()


def test_pysqlite3_is_used_where_it_is_installed() -> None:
    pytest.importorskip("pysqlite3", reason="there is no package of it for this machine")
    assert printed_by(LIBRARY) == "pysqlite3.dbapi2"


def test_pythons_sqlite_is_the_fallback() -> None:
    assert printed_by(f"import sys; sys.modules['pysqlite3'] = None; {LIBRARY}") == "sqlite3"


def test_a_database_uses_one_sqlite_library(tmp_path: Path) -> None:
    app, database = Flask("warehouse"), Database()
    database.connect(app, f"sqlite:///{tmp_path / 'warehouse.db'}")
    with app.app_context():
        engines: list[Any] = [*database.engines.values()]
    assert {*engines} == {database.writer, database.reader}
    assert {engine.dialect.loaded_dbapi for engine in engines} == {sqlite3}
    database.close()
