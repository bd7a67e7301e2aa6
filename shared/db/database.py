"""One database per service: SQLAlchemy set up for durable commits and writers that never race.

On SQLite all writes go through one connection behind a fair lock, with `BEGIN IMMEDIATE` and `synchronous=FULL`;
readers have connections of their own and see the last commit. On PostgreSQL both use one pool, and queries lock rows as
needed. No other module commits.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase

from shared.concurrency.fair_lock import FairLock
from shared.core.errors import ServiceUnavailable
from shared.db import driver, engines, outages
from shared.db.engines import WRITE_WAIT_SECONDS
from shared.db.file_lock import FileLock
from shared.db.migrations import DatabaseUnusable, Migrations, database_name
from shared.db.outages import ConnectionLost, Outages, is_lost
from shared.db.sqlite import sqlite3

_FULL_OR_LOCKED = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY})
_DURABLE = "durable"
_WRITER = "writer"
_R = TypeVar("_R")


class _RoutedSession(Session):
    """Flask-SQLAlchemy's session on the connection of the open transaction, if there is one."""

    def __init__(self, db: "Database", **options: Any) -> None:
        super().__init__(db, **options)
        self._database = db

    def get_bind(self, *args: Any, **kwargs: Any) -> Engine | Connection:
        return self._database.open_transaction or super().get_bind(*args, **kwargs)

    def close(self) -> None:
        """Return the connection. A connection that broke meanwhile is closed without an error."""
        with suppress(ConnectionLost):
            super().close()


class Database(SQLAlchemy):
    """Flask-SQLAlchemy with a separate writer engine, and the only place where transactions begin and end.

    `reader` is Flask-SQLAlchemy's own engine. `writer` is another one on SQLite, its bind "writer", and the same on
    PostgreSQL.
    """

    writer: Engine
    reader: Engine

    def __init__(self, base: type[DeclarativeBase] | None = None, migrations: Path | None = None) -> None:
        """Take the tables' base class and the folder of their revisions; without it, tables are created directly.

        A base class of its own keeps each database's tables separate.
        """
        super().__init__(
            model_class=base or type("Base", (DeclarativeBase,), {}),
            disable_autonaming=True,
            session_options={"class_": _RoutedSession, "expire_on_commit": False},
        )
        self.migrations = Migrations(migrations, self.metadata) if migrations else None
        self._of_thread = threading.local()
        self._lock = FairLock()
        self._file_lock = FileLock()
        self._kept: Connection | None = None
        self._all_engines: set[Engine] = set()
        self._outages: Outages | None = None

    def connect(self, app: Flask, url: str, *, may_upgrade: bool = False) -> None:
        """Open the database at `url` for `app`. An empty one gets its tables.

        An older schema is upgraded on SQLite, or if `may_upgrade`. Raises SchemaRefused when it may not or can't be
        upgraded, DatabaseInUse when another process has the same SQLite file open, and DatabaseUnusable otherwise.
        """
        is_sqlite = engines.is_sqlite(url)
        self._end_writing()
        self._dispose_engines()
        if is_sqlite:
            self._file_lock.take(Path(str(make_url(url).database)))
        self._make_engines(app, url, is_sqlite=is_sqlite)
        try:
            self._make_tables(may_upgrade=may_upgrade or is_sqlite)
        except DBAPIError as error:
            self.close()
            raise DatabaseUnusable(_why_not_open(database_name(self.writer), error, is_sqlite=is_sqlite)) from error
        except BaseException:
            self.close()
            raise
        self._outages = None if is_sqlite else Outages(self.writer)
        app.dispatch_request = self._rerun_when_lost(app.dispatch_request)  # type: ignore[method-assign]  # Flask has no hook around a view

    def _make_engines(self, app: Flask, url: str, *, is_sqlite: bool) -> None:
        app.config["SQLALCHEMY_DATABASE_URI"] = url
        if is_sqlite:
            app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engines.sqlite_options(engines.READERS)
            writer = engines.sqlite_options(1, cached_statements=engines.WRITER_STATEMENTS)
            app.config["SQLALCHEMY_BINDS"] = {_WRITER: {"url": url, **writer}}
        else:
            app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engines.postgresql_options()
        self.init_app(app)
        with app.app_context():
            self.reader = self.engine
            self.writer = self.engines.get(_WRITER, self.reader)
        self._all_engines |= {self.reader, self.writer}
        if is_sqlite:
            engines.set_up_sqlite_reader(self.reader)
            engines.set_up_sqlite_writer(self.writer)

    def close(self) -> None:
        """Close all connections and release the lock of the file."""
        self._end_writing()
        self._dispose_engines()
        self._file_lock.release()

    def _dispose_engines(self) -> None:
        """Close the connections of all apps that this database was ever opened for.

        An earlier app that is still called opens connections again, also after `close`.
        """
        for engine in self._all_engines:
            engine.dispose()

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[None]:
        """Run the block in a transaction: commit at its end, roll back when it raises. Does not nest.

        The session is cleared first, so that the block reads the current state. Raises ServiceUnavailable when the disk
        is full or another process keeps the file locked, ConnectionLost when the server is away and nothing was
        committed, CommitUnknown when the connection broke during COMMIT.

        With `durable=False` the commit does not wait for the disk. It survives a crash of the process; a power cut may
        lose it and all later ones up to the last durable commit, but never a part of a transaction.
        """
        if self.open_transaction:
            raise RuntimeError("a transaction is open already")
        if session := self._current_session():
            session.close()
        with self._writing() as connection:
            self._of_thread.connection = connection
            commits = self._commits
            try:
                self._begin(connection, durable=durable)
                yield
                if (session := self._current_session()) and session.in_transaction():
                    session.commit()  # flushes the session; the connection's transaction is committed below
                self._of_thread.commits = commits + 1
                connection.commit()
            except BaseException as error:
                with suppress(ConnectionLost):
                    if session := self._current_session():
                        session.rollback()
                self._raise_for(error, connection, is_committing=self._commits > commits)
                raise
            finally:
                self._of_thread.connection = None

    def _raise_for(self, error: BaseException, connection: Connection, *, is_committing: bool) -> None:
        """Raise the error for a full disk, a locked file or a lost server, if `error` comes from one."""
        if _is_full_or_locked(error):
            raise ServiceUnavailable(retry_after_seconds=1) from error
        if self._outages and (connection.invalidated or isinstance(error, ConnectionLost) or is_lost(error)):
            lost = self._outages.commit_unknown() if is_committing else self._outages.connection_lost()
            raise lost from error

    @property
    def _commits(self) -> int:
        """Return how many transactions this thread has tried to commit."""
        return getattr(self._of_thread, "commits", 0)

    def _rerun_when_lost(self, answer: Callable[[], _R]) -> Callable[[], _R]:
        """Rerun a request's view that lost its connection while nothing can have been committed."""

        def answer_again() -> _R:
            commits, since = self._commits, 0.0
            while True:
                try:
                    return answer()
                except ConnectionLost as lost:
                    since = since or time.monotonic()
                    if self._commits > commits or not outages.wait(lost, since):
                        raise
                    self.session.remove()

        return answer_again

    def _begin(self, connection: Connection, *, durable: bool) -> None:
        """Begin a transaction whose commit waits for the disk, or not."""
        if connection.dialect.name != "sqlite":
            connection.begin()
            if not durable:
                driver.run(connection, "SET LOCAL synchronous_commit TO off")
            return
        if connection.info.setdefault(_DURABLE, True) != durable:  # SQLite changes it outside of transactions only
            driver.run(connection, f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            connection.info[_DURABLE] = durable
        connection.begin()

    @property
    def open_transaction(self) -> Connection | None:
        """Return the connection of this thread's open transaction, or None."""
        return getattr(self._of_thread, "connection", None)

    def writing_connection(self) -> Connection:
        """Return the connection of the open transaction. Raises RuntimeError when there is none."""
        if connection := self.open_transaction:
            return connection
        raise RuntimeError("no transaction is open")

    def check(self) -> None:
        """Raise if the database does not answer a query."""
        with self.reader.connect() as connection:
            connection.execute(text("SELECT 1"))

    def _make_tables(self, *, may_upgrade: bool) -> None:
        if self.migrations:
            self.migrations.apply(self.writer, may_upgrade=may_upgrade)
            return
        with self.writer.begin() as connection:
            self.metadata.create_all(connection)

    def _current_session(self) -> Session | None:
        """Return the session of this request if it has been created."""
        return self.session() if self.session.registry.has() else None

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Provide the connection for writing. On error it is returned to the pool, which rolls back.

        On SQLite it is kept between transactions, since a check-out costs as much as a short transaction.
        """
        if self.writer is self.reader:  # PostgreSQL serializes its writers itself
            with self.writer.connect() as connection:
                yield connection
            return
        with self._lock.hold(WRITE_WAIT_SECONDS):
            self._kept = self._kept or self.writer.connect()
            try:
                yield self._kept
            except BaseException:
                self._return_kept()
                raise

    def _end_writing(self) -> None:
        """Return the kept connection after the open write transaction, unless that takes too long."""
        with suppress(ServiceUnavailable), self._lock.hold(WRITE_WAIT_SECONDS):
            self._return_kept()

    def _return_kept(self) -> None:
        kept, self._kept = self._kept, None
        if kept:
            try:
                if not kept.invalidated:
                    kept.connection.rollback()  # SQLite may keep a transaction whose commit failed
            except sqlite3.Error:
                kept.invalidate()  # closes the connection, which rolls back too
            kept.close()


class Storage:
    """Base of the query classes. Subclasses read and add; the rules open the transaction around them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def _writer(self) -> Connection:
        """Return the connection of the open transaction. Raises RuntimeError outside of one."""
        return self._database.writing_connection()

    @property
    def _session(self) -> Session:
        """Return the session of this request: a reader's, or inside `transaction()` the writer's."""
        return self._database.session()

    def insert(self, row: object) -> None:
        """Insert a row now. Raises IntegrityError where a constraint forbids it."""
        self._session.add(row)
        self._session.flush()

    def refresh(self) -> None:
        """Clear the session, so that the next query reads the current state."""
        self._session.close()

    def transaction(self, *, durable: bool = True) -> AbstractContextManager[None]:
        """Open a transaction; see Database.transaction."""
        return self._database.transaction(durable=durable)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all queries of the block see the same state of the database. The block may only read."""
        self.refresh()
        if self._database.reader.dialect.name == "postgresql":  # a transaction of SQLite sees one state in any case
            self._session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        try:
            yield
        finally:
            self.refresh()


def _why_not_open(name: str, error: DBAPIError, *, is_sqlite: bool) -> str:
    """Explain in one line why a database can't be opened, and what to do."""
    reason = " ".join(str(error.orig).split())
    advice = (
        "restore the file from a backup, or give it to the user who runs the services"
        if is_sqlite
        else "see that the server runs, and that the variable that ends in _DATABASE_URL is right"
    )
    return f"{name} can't be opened ({reason}): {advice}"


def _is_full_or_locked(error: BaseException) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0) if isinstance(error, OperationalError) else 0
    return code & 0xFF in _FULL_OR_LOCKED
