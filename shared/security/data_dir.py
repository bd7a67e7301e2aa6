"""The folder of databases, secrets and logs: for its owner's eyes only."""

import os
from pathlib import Path

from shared.core.errors import CannotStart


def prepare(folder: Path) -> None:
    """Make the folder, mode 0700, and have this process make all its files for their owner only.

    Raises CannotStart where the folder can't be made, or belongs to somebody else.
    """
    os.umask(0o077)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise CannotStart(
            f"the data directory {folder} can't be used ({error.strerror}): "
            "set BANK_DATA_DIR to a folder of yours, or give this one to the user who runs the services"
        ) from None
