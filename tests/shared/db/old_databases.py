"""Databases of older schemas, and their contents, for tests of migrations."""

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, text

from shared.db.database import Database
from tests.support.repository import ROOT

OLD = Path(__file__).with_name("old_schema")


def database_of(service: str) -> Database:
    database: Database = importlib.import_module(f"{service}_service.{service}_service").db
    return database


def run(engine: Engine, script: Path) -> None:
    with engine.begin() as connection:
        for command in script.read_text(encoding="utf-8").split(";\n"):
            if command.strip():
                connection.exec_driver_sql(command)


def rows(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of a database by table."""
    metadata = MetaData()
    metadata.reflect(connection)
    return {
        table.name: [dict(row) for row in connection.execute(text(f'SELECT * FROM "{table.name}"')).mappings()]
        for table in metadata.sorted_tables
    }


def migrate(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "migrate.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
