"""A throwaway PostgreSQL cluster on a Unix socket, for tests that run on both databases."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

START_SECONDS = 30


def _programs() -> Path | None:
    """The folder of PostgreSQL's server programs; Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


@contextmanager
def cluster() -> Iterator[str]:
    """The SQLAlchemy URL of an empty database; skips the test where PostgreSQL is not installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    # PostgreSQL refuses to run as root, so root hands it to the user that its package made.
    as_user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    data, socket = folder / "data", folder
    run = [programs / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-t", str(START_SECONDS)]
    options = f"-c listen_addresses='' -c unix_socket_directories={socket}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    try:
        subprocess.run([programs / "initdb", "-D", data, "-U", "bank", "-A", "trust"], check=True, **quiet, **as_user)
        subprocess.run([*run, "-o", options, "start"], check=True, **quiet, **as_user)
        yield f"postgresql+psycopg://bank@/postgres?host={socket}"
    finally:
        subprocess.run([*run, "-m", "immediate", "stop"], **quiet, **as_user)
        shutil.rmtree(folder, ignore_errors=True)
