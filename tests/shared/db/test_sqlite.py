"""The SQLite that is in use: one library in each process, and the current one where there is a package of it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from shared.db.database import Database
from shared.db.sqlite import sqlite3
from tests.support.house import ROOT

LIBRARY = "from shared.db.sqlite import sqlite3; print(sqlite3.__name__)"


def printed_by(program: str) -> str:
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    return result.stdout.strip()


def test_a_current_one_is_used_where_there_is_a_package_of_it() -> None:
    pytest.importorskip("pysqlite3", reason="there is no package of it for this machine")
    assert printed_by(LIBRARY) == "pysqlite3.dbapi2"


def test_pythons_own_serves_where_there_is_none() -> None:
    assert printed_by(f"import sys; sys.modules['pysqlite3'] = None; {LIBRARY}") == "sqlite3"


def test_a_database_opens_its_file_with_no_other(tmp_path: Path) -> None:
    app, database = Flask("warehouse"), Database()
    database.connect(app, f"sqlite:///{tmp_path / 'warehouse.db'}")
    with app.app_context():
        engines: list[Any] = [*database.engines.values()]
    assert {*engines} == {database.writer, database.reader}
    assert {engine.dialect.loaded_dbapi for engine in engines} == {sqlite3}
    database.close()
