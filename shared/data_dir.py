"""The folder of databases, secrets and logs: for its owner's eyes only."""

import os
from pathlib import Path


class Unusable(Exception):
    """The folder can't be made or kept to its owner: which and why, for the person who chose it."""


def prepare(folder: Path) -> None:
    """Make the folder, mode 0700; everything made later by this process is for its owner only, too. Raises Unusable."""
    os.umask(0o077)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise Unusable(f"the data directory {folder} can't be used: {error.strerror}") from None
