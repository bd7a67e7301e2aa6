"""The data directory with databases, secrets and logs, accessible to its owner only."""

import os
from pathlib import Path

from shared.core.errors import CannotStart


def prepare(folder: Path) -> None:
    """Create the data directory with mode 0700, and set the umask so that new files are accessible to the owner only.

    Raises CannotStart when the folder can't be created or belongs to another user.
    """
    os.umask(0o077)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise CannotStart(
            f"the data directory {folder} can't be used ({error.strerror}): "
            "set BANK_DATA_DIR to another folder, or give this one to the user who runs the services"
        ) from None
