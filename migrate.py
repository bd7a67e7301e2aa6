"""Upgrade the databases of the four services to the newest schema while the bank is stopped.

    python migrate.py                               upgrade all four, from *_DATABASE_URL or in BANK_DATA_DIR
    python migrate.py account                       upgrade some of them
    python migrate.py --new auth "Add a birthday"   write the next revision of a service from its models

On SQLite the supervisor does it before it starts the services, and a service that is started alone does it itself; see
docs/OPERATIONS.md.
"""

import argparse
import importlib
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Flask

from shared.core.errors import CannotStart
from shared.db.database import Database
from shared.security import data_dir
from shared.web.settings import Settings

SERVICES = ("auth", "account", "transaction", "reporting")


def main() -> int:
    """Upgrade all databases, or write a revision. Return 1 when a database could not be upgraded."""
    parser = argparse.ArgumentParser(description="Upgrade the databases of the four services to the newest schema.")
    parser.add_argument("--new", nargs=2, metavar=("SERVICE", "WHAT"), help="write the next revision of a service")
    parser.add_argument("services", nargs="*", metavar="SERVICE", help=f"of {', '.join(SERVICES)}; all by default")
    options = parser.parse_args()
    services = options.new[:1] if options.new else options.services or SERVICES
    if unknown := set(services) - set(SERVICES):
        parser.error(f"there is no service {unknown.pop()!r}; the services are {', '.join(SERVICES)}")
    if options.new:
        print(_write_revision(*options.new))
        return 0
    return max(map(_migrate, services))


def _migrate(service: str) -> int:
    database = _database(service)
    try:
        settings = Settings.load()
        data_dir.prepare(settings.data_dir)
        url = settings.database_url(os.environ.get(f"{service.upper()}_DATABASE_URL"), f"{service}.db")
        if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
            print(f"{service}-service: no database yet; the first start creates it")
            return 0
        database.connect(Flask(service), url, may_upgrade=True)
    except CannotStart as error:
        print(f"{service}-service: {error}", file=sys.stderr)
        return 1
    database.close()
    print(f"{service}-service: at revision {database.migrations.head if database.migrations else 'none'}")
    return 0


def _write_revision(service: str, what: str) -> Path:
    """Write a revision with the differences between the models and the revisions of `service`; return its file."""
    database = _database(service)
    assert database.migrations
    with TemporaryDirectory() as folder:
        database.connect(Flask(service), f"sqlite:///{folder}/{service}.db")
        with database.reader.connect() as connection:
            file = database.migrations.write_revision(connection, what)
        database.close()
    for command in (["check", "--fix-only", "--quiet"], ["format", "--quiet"]):
        subprocess.run([Path(sys.executable).with_name("ruff"), *command, file])
    return file


def _database(service: str) -> Database:
    wiring = importlib.import_module(f"{service}_service.{service}_service")  # it imports all tables
    database: Database = wiring.db
    return database


if __name__ == "__main__":
    sys.exit(main())
