"""One database per service: SQLAlchemy set up so that a committed transaction is durable and writers never race.

On SQLite all writing goes through one connection behind a fair lock, with `BEGIN IMMEDIATE` and `synchronous=FULL`;
readers have connections of their own and see the last commit. On PostgreSQL both are one pool, and rows are locked by
the queries that need it. This is the only module that commits.
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
from shared.db import driver, engines
from shared.db.engines import WRITE_WAIT_SECONDS
from shared.db.file_lock import FileLock
from shared.db.migrations import DatabaseUnusable, Migrations, database_name
from shared.db.outages import ConnectionLost, Outages, is_lost
from shared.db.sqlite import sqlite3

_NO_ROOM_OR_NO_TURN = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY})
_DURABLE = "durable"
_WRITER = "writer"
_R = TypeVar("_R")


class _RoutedSession(Session):
    """Flask-SQLAlchemy's session, which uses the connection of the open transaction where there is one."""

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
    """Flask-SQLAlchemy with a writer beside its engine, and the one place where a transaction begins and ends.

    `reader` is Flask-SQLAlchemy's own engine. `writer` is another one, its bind "writer", on SQLite, and the same on
    PostgreSQL.
    """

    writer: Engine
    reader: Engine

    def __init__(self, base: type[DeclarativeBase] | None = None, migrations: Path | None = None) -> None:
        """Take the base class of the tables, and the folder of their revisions; without that, the tables are created.

        A base class of its own keeps each database from having the tables of all.
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
        self._open_engines: set[Engine] = set()
        self._outages: Outages | None = None

    def connect(self, app: Flask, url: str, *, may_upgrade: bool = False) -> None:
        """Open the database at `url` for `app`. An empty one gets its tables.

        One of an older schema is upgraded when it is SQLite's, or if `may_upgrade`. Raises SchemaRefused when it may
        not or can't be, DatabaseInUse when another process has the same SQLite file open, and else DatabaseUnusable.
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
            app.config["SQLALCHEMY_BINDS"] = {_WRITER: {"url": url, **engines.sqlite_options(1)}}
        else:
            app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engines.postgresql_options()
        self.init_app(app)
        with app.app_context():
            self.reader = self.engine
            self.writer = self.engines.get(_WRITER, self.reader)
        self._open_engines = {self.reader, self.writer}
        if is_sqlite:
            engines.set_up_sqlite_reader(self.reader)
            engines.set_up_sqlite_writer(self.writer)

    def close(self) -> None:
        """Close all connections and let another process have the file."""
        self._end_writing()
        self._dispose_engines()
        self._file_lock.release()

    def _dispose_engines(self) -> None:
        """Close the connections of the app that this database was opened for last."""
        for engine in self._open_engines:
            engine.dispose()

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[None]:
        """Commit all that the block does, durably, or (when it raises) nothing of it. Does not nest.

        Everything read before is forgotten first, so that what the block reads is the present state. Raises
        ServiceUnavailable when the disk is full or another process keeps the file locked, ConnectionLost when the
        server is away and nothing was committed, CommitUnknown when it went away during COMMIT.

        With `durable=False` the commit does not wait for the disk. It outlives the process; a power cut may take it and
        what came after it, back to the last durable one, but never a part of a transaction.
        """
        if self.open_transaction:
            raise RuntimeError("a transaction is open already")
        if session := self._session_of_now():
            session.close()
        with self._writing() as connection:
            self._of_thread.connection = connection
            commits = self._commits
            try:
                self._begin(connection, durable=durable)
                yield
                if (session := self._session_of_now()) and session.in_transaction():
                    session.commit()  # hands over what it still holds; the transaction is the connection's
                self._of_thread.commits = commits + 1
                connection.commit()
            except BaseException as error:
                with suppress(ConnectionLost):
                    if session := self._session_of_now():
                        session.rollback()
                self._raise_for(error, connection, is_committing=self._commits > commits)
                raise
            finally:
                self._of_thread.connection = None

    def _raise_for(self, error: BaseException, connection: Connection, *, is_committing: bool) -> None:
        """Raise what became of a transaction, if its error comes from a full disk, a locked file or a lost server."""
        if _has_no_room_or_no_turn(error):
            raise ServiceUnavailable(retry_after_seconds=1) from error
        if self._outages and (connection.invalidated or isinstance(error, ConnectionLost) or is_lost(error)):
            lost = self._outages.commit_unknown() if is_committing else self._outages.connection_lost()
            raise lost from error

    @property
    def _commits(self) -> int:
        """How many transactions this thread has tried to commit."""
        return getattr(self._of_thread, "commits", 0)

    def _rerun_when_lost(self, answer: Callable[[], _R]) -> Callable[[], _R]:
        """Run a request's view again when it has lost its connection and nothing of it can be committed."""

        def answer_again() -> _R:
            commits, since = self._commits, 0.0
            while True:
                try:
                    return answer()
                except ConnectionLost as lost:
                    since = since or time.monotonic()
                    if self._commits > commits or not lost.wait(since):
                        raise
                    self.session.remove()

        return answer_again

    def _begin(self, connection: Connection, *, durable: bool) -> None:
        """Begin a transaction that waits for the disk or not."""
        if connection.dialect.name != "sqlite":
            connection.begin()
            if not durable:
                driver.run(connection, "SET LOCAL synchronous_commit TO off")
            return
        if connection.info.setdefault(_DURABLE, True) != durable:  # SQLite takes it outside of transactions only
            driver.run(connection, f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            connection.info[_DURABLE] = durable
        connection.begin()

    @property
    def open_transaction(self) -> Connection | None:
        """The connection of the transaction that this thread has open."""
        return getattr(self._of_thread, "connection", None)

    def writing_connection(self) -> Connection:
        """The same, for commands that need no session. Raises RuntimeError when there is none."""
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

    def _session_of_now(self) -> Session | None:
        """The session of this request, if it has one by now."""
        return self.session() if self.session.registry.has() else None

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """The connection to write by. SQLite's only one is kept, since taking it from its pool and giving it back costs
        as much as a short transaction. After an error it goes back, which undoes what it was in the midst of."""
        if self.writer is self.reader:  # a server database queues its writers itself
            with self.writer.connect() as connection:
                yield connection
            return
        with self._lock.hold(WRITE_WAIT_SECONDS):
            self._kept = self._kept or self.writer.connect()
            try:
                yield self._kept
            except BaseException:
                self._give_up_kept()
                raise

    def _end_writing(self) -> None:
        """Give the kept connection up as soon as nobody writes; who takes too long keeps it."""
        with suppress(ServiceUnavailable), self._lock.hold(WRITE_WAIT_SECONDS):
            self._give_up_kept()

    def _give_up_kept(self) -> None:
        kept, self._kept = self._kept, None
        if kept:
            try:
                if not kept.invalidated:
                    kept.connection.rollback()  # SQLAlchemy takes it for done when a commit has failed; SQLite may not
            except sqlite3.Error:
                kept.invalidate()  # closed, which undoes it too
            kept.close()


class Storage:
    """The queries of one aggregate. Subclasses read and add; the rules open the transaction around them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def _writer(self) -> Connection:
        """The connection of the open transaction, for commands that need no session. Raises RuntimeError outside."""
        return self._database.writing_connection()

    @property
    def _session(self) -> Session:
        """The session of this request: the readers', or inside `transaction()` the writer's."""
        return self._database.session()

    def refresh(self) -> None:
        """Forget what was read, so that the next query sees the present state."""
        self._session.close()

    def transaction(self, *, durable: bool = True) -> AbstractContextManager[None]:
        """See Database.transaction."""
        return self._database.transaction(durable=durable)


def _why_not_open(name: str, error: DBAPIError, *, is_sqlite: bool) -> str:
    """Say in one line why a database can't be opened, and what to do."""
    reason = " ".join(str(error.orig).split())
    advice = (
        "restore the file from a backup, or give it to the user who runs the services"
        if is_sqlite
        else "see that the server runs, and that the variable that ends in _DATABASE_URL is right"
    )
    return f"{name} can't be opened ({reason}): {advice}"


def _has_no_room_or_no_turn(error: BaseException) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0) if isinstance(error, OperationalError) else 0
    return code & 0xFF in _NO_ROOM_OR_NO_TURN
