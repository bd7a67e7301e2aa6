"""Copies of SQLite files, and checks of them."""

from contextlib import closing
from pathlib import Path

from shared.core.errors import CannotStart
from shared.db.sqlite import sqlite3

_PAGES = 1000  # copied at a time, so that a running service can write in between
_FULL = "database or disk is full"  # SQLite's text for SQLITE_FULL; an error of a copy has no code


def copy(source: Path, target: Path) -> None:
    """Copy a SQLite file as of one moment, also while another process writes it. `target` is synced to the disk.

    Raises CannotStart when `source` is missing or can't be read, or `target` can't be written.
    """
    try:
        with closing(_open_to_read(source)) as read, closing(sqlite3.connect(target)) as written:
            read.execute("BEGIN")
            read.execute("SELECT count(*) FROM sqlite_master").fetchone()  # starts reading: this state is copied
            read.backup(written, pages=_PAGES)
            written.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    except (sqlite3.Error, OSError) as error:
        raise CannotStart(f"{source} can't be copied to {target}: {with_advice(error)}") from None


def with_advice(error: BaseException | None) -> str:
    """Return the message of an error, with what to do when it is SQLite's for a full disk."""
    message = str(error).strip()
    if _FULL in message:
        return f"{message}; free space on the disk, at least twice the size of the database, and try again"
    return message


def check(path: Path) -> None:
    """Raise CannotStart unless `path` is an undamaged SQLite file with tables."""
    try:
        with closing(_open_to_read(path)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.Error as error:
        raise CannotStart(f"{path} can't be read: {error}") from None
    if found != "ok" or not tables:
        raise CannotStart(f"{path} is damaged: {found if tables else 'it has no tables'}")


def _open_to_read(path: Path) -> sqlite3.Connection:
    if not path.exists():
        raise CannotStart(f"there is no database at {path}")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA query_only=ON")
    return connection
