"""The folder of databases, secrets and logs: for its owner's eyes only."""

import os
from pathlib import Path


def prepare(folder: Path) -> None:
    """Make the folder, mode 0700; everything made later by this process is for its owner only, too."""
    os.umask(0o077)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
