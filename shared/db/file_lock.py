"""A lock that keeps a second process from using a SQLite file."""

import fcntl
import os
from pathlib import Path

from shared.db.migrations import DatabaseUnusable


class DatabaseInUse(DatabaseUnusable):
    """Another process has this database file open."""


class FileLock:
    """A lock on at most one database file, by a lock file beside it. It ends with the process at the latest."""

    def __init__(self) -> None:
        self._lock_file: int | None = None

    def take(self, path: Path) -> None:
        """Lock the database file at `path`, and create it for its owner alone if it is missing.

        Raises DatabaseInUse when another process has it, DatabaseUnusable when it can't be opened.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock_file = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except BlockingIOError:
            self.release()
            raise DatabaseInUse(f"{path} is in use by another process: stop that one first") from None
        except OSError as error:
            self.release()
            raise DatabaseUnusable(
                f"{error.filename or path} can't be opened ({error.strerror}): "
                "give it and its folder to the user who runs the services"
            ) from None

    def release(self) -> None:
        """Release the lock."""
        lock_file, self._lock_file = self._lock_file, None
        if lock_file is not None:
            os.close(lock_file)
