"""Options of connections to SQLite and PostgreSQL, and of their pools."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from shared.db import driver
from shared.db.migrations import DatabaseUnusable
from shared.db.outages import RefusingPool
from shared.db.sqlite import sqlite3

WRITE_WAIT_SECONDS = 3.0
READERS = 32
WRITER_CACHE_KIB = 8 * 1024  # room for several large transactions; more made none faster, and looks like a leak
WRITER_STATEMENTS = 1024  # a bulk statement has another text for each number of rows; the driver keeps 128 by default
CHECKPOINT_PAGES = 4000  # 16 MB: the default of 1000 pages writes the same pages again and again
_DRIVERS = frozenset({"sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg"})


def is_sqlite(url: str) -> bool:
    """Return whether a URL names a SQLite file; False for PostgreSQL. Raises DatabaseUnusable for anything else."""
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        parts = make_url("unreadable://")
    backend = parts.get_backend_name()
    has_file = parts.database not in (None, "", ":memory:")
    if parts.drivername not in _DRIVERS or (backend == "sqlite" and not has_file):
        raise DatabaseUnusable(
            "its database's URL is neither sqlite:///<path> nor postgresql://<user>:<password>@<host>/<database>: "
            "correct the variable that ends in _DATABASE_URL"
        )
    return backend == "sqlite"


def postgresql_options() -> dict[str, Any]:
    """Return engine options with timeouts that detect a lost server within seconds."""
    timeouts = {"connect_timeout": 3, "tcp_user_timeout": 5000, "keepalives_idle": 10, "keepalives_interval": 5}
    return {**_common(READERS), "pool_pre_ping": True, "connect_args": timeouts}


def sqlite_options(connections: int, **arguments: int) -> dict[str, Any]:
    """Return engine options for a SQLite file with at most this many connections, each opened with `arguments`."""
    return {
        **_common(connections),
        "module": sqlite3,
        "connect_args": {"check_same_thread": False, **arguments},
    }


def set_up_sqlite_writer(engine: Engine) -> None:
    """Make transactions of `engine` durable, and let them lock the file when they begin."""
    _set_up_sqlite(
        engine,
        "BEGIN IMMEDIATE",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "journal_size_limit=67108864",
        f"wal_autocheckpoint={CHECKPOINT_PAGES}",
        f"cache_size=-{WRITER_CACHE_KIB}",
    )


def set_up_sqlite_reader(engine: Engine) -> None:
    """Make the connections of `engine` read-only."""
    _set_up_sqlite(engine, "BEGIN", "query_only=ON")


@contextmanager
def reading_connection(url: str) -> Iterator[Connection]:
    """Open a connection that only reads, beside a running service, with one view of the data until it is closed.

    Raises DatabaseUnusable when there is no such database or it can't be read.
    """
    if is_sqlite(url):
        path = Path(str(make_url(url).database))
        if not path.exists():
            raise DatabaseUnusable(f"there is no database at {path}: set the variable that names it or BANK_DATA_DIR")
        engine = create_engine(url, **sqlite_options(1))
        set_up_sqlite_reader(engine)
    else:
        engine = create_engine(url, isolation_level="REPEATABLE READ", **postgresql_options())
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise DatabaseUnusable(f"the database can't be read: {' '.join(str(error.orig).split())}") from error
    finally:
        engine.dispose()


def _common(connections: int) -> dict[str, Any]:
    return {
        "poolclass": RefusingPool,
        "pool_size": connections,
        "max_overflow": 0,
        "pool_timeout": WRITE_WAIT_SECONDS,
        "hide_parameters": True,  # errors are logged, and values may be private
    }


def _set_up_sqlite(engine: Engine, begin: str, *pragmas: str) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the event handler below begins transactions, not the driver
        for pragma in ("busy_timeout=5000", *pragmas):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        driver.run(connection, begin)
