"""The data directory with databases, secrets and logs, accessible to its owner only."""

import os
import shutil
from pathlib import Path

from shared.core.errors import CannotStart

_LEAST_FREE_BYTES = 1 << 20  # with less, SQLite can't open a database, and reports anything but a full disk


def prepare(folder: Path) -> None:
    """Create the data directory with mode 0700, and set the umask so that new files are accessible to the owner only.

    Raises CannotStart when the folder can't be created or belongs to another user, or the disk is full.
    """
    os.umask(0o077)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        disk = shutil.disk_usage(folder)
    except OSError as error:
        raise CannotStart(
            f"the data directory {folder} can't be used ({error.strerror}): "
            "set BANK_DATA_DIR to another folder, or give this one to the user who runs the services"
        ) from None
    if disk.free < min(_LEAST_FREE_BYTES, disk.total):  # some network file systems report a total of 0
        raise CannotStart(
            f"the disk with the data directory {folder} is full: free some space, or set BANK_DATA_DIR to a folder on "
            "another disk"
        )
