"""Schema changes: a folder of Alembic revisions for each database, applied in one transaction.

A revision is a Python file with an `upgrade` function. The database stores the last applied one in the table
`alembic_version`. There are no downgrades: restore the copy or the backup from before the upgrade instead.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, MetaData, inspect, text
from sqlalchemy.exc import DBAPIError

from shared.core.errors import CannotStart
from shared.db import copies

LOCK_WAIT_SECONDS = 60
_LOCK = 0x0A1E_B1C5_C4E3_A001  # the key of a PostgreSQL advisory lock, common to all processes
_log = logging.getLogger(__name__)


class DatabaseUnusable(CannotStart):
    """A database can't be used at start. The message names it, the reason and the remedy."""


class SchemaRefused(DatabaseUnusable):
    """The schema has an unknown or older revision, or could not be upgraded."""


@dataclass(frozen=True)
class Migrations:
    """The revisions in `folder`, which lead from an empty database to the tables of `metadata`."""

    folder: Path
    metadata: MetaData

    def apply(self, engine: Engine, *, may_upgrade: bool) -> None:
        """Upgrade the database to the newest revision: an empty one always, an older one if `may_upgrade`.

        A SQLite file is copied first. On PostgreSQL an advisory lock lets one process upgrade while others wait. Raises
        SchemaRefused, in which case nothing was changed.
        """
        with engine.connect() as connection, _foreign_keys_off(connection):
            try:
                with connection.begin():
                    _lock_database(connection)
                    self._apply(connection, may_upgrade=may_upgrade)
            except DBAPIError as error:
                raise SchemaRefused(
                    f"{database_name(engine)} could not be brought to revision {self.head}, nothing in it was changed: "
                    f"{copies.with_advice(error.orig)}"
                ) from error

    @cached_property
    def head(self) -> str:
        """Return the newest revision."""
        return str(self._scripts.get_current_head())

    def write_revision(self, connection: Connection, message: str) -> Path:
        """Write the next revision, from the differences between models and database, and return its file."""
        prefix, _, number = self.head.rpartition("_")
        name = f"{prefix}_{int(number) + 1:04d}"
        command.revision(self._config(connection), message, autogenerate=True, rev_id=name)
        return next(self.folder.glob(f"{name}_*.py"))

    def _apply(self, connection: Connection, *, may_upgrade: bool) -> None:
        found = self._revision_of(connection)
        if found == self.head:
            return
        is_older = found is not None or self._has_tables(connection)
        if is_older and not may_upgrade:
            raise SchemaRefused(
                f"{database_name(connection)} has the schema of revision {found or 'none'}, and {self.head} is needed: "
                "stop all services, back it up, and run `make migrate`"
            )
        if is_older and connection.dialect.name == "sqlite":
            self._copy(Path(str(connection.engine.url.database)))
        command.upgrade(self._config(connection), "head")
        if found is None and is_older:
            self._refuse_missing_columns(connection)
        _refuse_broken_references(connection)
        _log.info("%s was brought from revision %s to %s", database_name(connection), found or "none", self.head)

    @cached_property
    def _scripts(self) -> ScriptDirectory:
        return ScriptDirectory.from_config(self._config())

    def _config(self, connection: Connection | None = None) -> Config:
        config = Config(attributes={"connection": connection, "metadata": self.metadata})
        options = {
            "script_location": str(Path(__file__).with_name("alembic")),
            "version_locations": str(self.folder),
            "path_separator": "newline",
        }
        for name, value in options.items():
            config.set_main_option(name, value.replace("%", "%%"))
        return config

    def _revision_of(self, connection: Connection) -> str | None:
        """Return the revision of the database; None if it is empty or older than the first revision."""
        heads = MigrationContext.configure(connection).get_current_heads()
        with suppress(CommandError):
            if not heads:
                return None
            if len(heads) == 1 and self._scripts.get_revision(heads[0]):
                return heads[0]
        raise SchemaRefused(
            f"{database_name(connection)} has the schema of revision {', '.join(heads)}, which this version of the "
            "program does not know: start the version that made it, or restore the backup from before its upgrade"
        )

    def _has_tables(self, connection: Connection) -> bool:
        return not self.metadata.tables.keys().isdisjoint(inspect(connection).get_table_names())

    def _copy(self, path: Path) -> None:
        """Copy the last committed state of a SQLite file to a file named after the next revision."""
        copy, partial = Path(f"{path}.before-{self.head}"), Path(f"{path}.before-{self.head}.partial")
        try:
            partial.unlink(missing_ok=True)
            copies.copy(path, partial)
            partial.replace(copy)
        except (OSError, CannotStart) as error:
            raise SchemaRefused(f"{path} could not be copied before its upgrade: {error}") from error
        _log.info("%s was copied to %s", path, copy)

    def _refuse_missing_columns(self, connection: Connection) -> None:
        """Refuse a database from before the revisions whose tables are too old to be upgraded."""
        inspector = inspect(connection)
        for table in self.metadata.tables.values():
            has = {column["name"] for column in inspector.get_columns(table.name)}
            if missing := ", ".join(sorted(set(table.columns.keys()) - has)):
                raise SchemaRefused(
                    f"{database_name(connection)} was made by a version too old to be upgraded: "
                    f"table {table.name} lacks {missing}"
                )


@contextmanager
def _foreign_keys_off(connection: Connection) -> Iterator[None]:
    """Disable SQLite's foreign keys: rebuilding a table drops the old one, which must not affect referring rows."""
    if connection.dialect.name != "sqlite":
        yield
        return
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA foreign_keys=OFF")  # has no effect inside a transaction
    try:
        yield
    finally:
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


def _refuse_broken_references(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and (broken := connection.execute(text("PRAGMA foreign_key_check")).first()):
        raise SchemaRefused(f"{database_name(connection)}: the upgrade would leave references of {broken[0]} broken")


def _lock_database(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_WAIT_SECONDS}s'"))
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def database_name(bind: Engine | Connection) -> str:
    """Return a database's name for messages: the SQLite file, or the URL without its password."""
    url = bind.engine.url
    return str(url.database) if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
