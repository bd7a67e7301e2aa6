"""A throwaway PostgreSQL cluster on a Unix socket, for tests that run on both databases."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

START_SECONDS = 30


def programs_folder() -> Path | None:
    """The folder of PostgreSQL's server programs (Debian keeps them off the PATH), or None where there are none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = [Path(found).parent] if (found := shutil.which("initdb")) else []
    return next((folder for folder in [*debian, *on_path] if (folder / "initdb").exists()), None)


@contextmanager
def cluster_folder() -> Iterator[Path]:
    """The folder of the socket of a running, empty cluster with the user `bank`. PostgreSQL must be installed."""
    programs = programs_folder()
    assert programs
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    # PostgreSQL refuses to run as root, so root hands it to the user that its package made.
    as_user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    if as_user:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    control = [programs / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "-t", str(START_SECONDS)]
    options = f"-c listen_addresses='' -c unix_socket_directories={folder}"
    run = partial(
        subprocess.run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, check=True, **as_user
    )
    try:
        run([programs / "initdb", "-D", data, "-U", "bank", "-A", "trust"])
        run([*control, "-o", options, "start"])
        yield folder
    finally:
        run([*control, "-m", "immediate", "stop"], check=False)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def cluster() -> Iterator[str]:
    """The SQLAlchemy URL of an empty database; skips the test where PostgreSQL is not installed."""
    if programs_folder() is None:
        pytest.skip("PostgreSQL is not installed")
    with cluster_folder() as folder:
        yield f"postgresql+psycopg://bank@/postgres?host={folder}"
