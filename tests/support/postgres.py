"""Throwaway PostgreSQL on a Unix socket, for tests that run on both databases.

A test process starts one cluster when it first needs one, with durability settings off for speed, and creates a
database in it for each `database()`.
"""

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

START_SECONDS = 30
_NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
_QUICK_TO_SEE = "deadlock_timeout=100ms"
_numbers = count(1)


def programs_folder() -> Path | None:
    """Return the folder of PostgreSQL's server programs, which Debian does not put in PATH, or None."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = [Path(found).parent] if (found := shutil.which("initdb")) else []
    return next((folder for folder in [*debian, *on_path] if (folder / "initdb").exists()), None)


@contextmanager
def cluster_folder(*settings: str) -> Iterator[Path]:
    """Run an empty cluster with the user `bank` during the block, and yield the folder of its socket.

    PostgreSQL must be installed.
    """
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    options = " ".join(
        f"-c {setting}" for setting in ("listen_addresses=''", f"unix_socket_directories={folder}", *settings)
    )
    try:
        _control(folder, "-o", "-U bank -A trust --no-sync", "initdb")
        _control(folder, "-o", options, "start")
        yield folder
    finally:
        _control(folder, "-m", "immediate", "stop", check=False)
        shutil.rmtree(folder, ignore_errors=True)


def restart(folder: Path, mode: str) -> None:
    """Restart a cluster: "fast" aborts running transactions, "immediate" is a crash with recovery."""
    _control(folder, "-m", mode, "restart")


def _control(folder: Path, *arguments: str | Path, check: bool = True) -> None:
    """Run pg_ctl, as the user `postgres` when this process is root, since PostgreSQL refuses to run as root."""
    programs = programs_folder()
    assert programs
    as_user: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.getuid() == 0 else {}
    command: list[str | Path] = [
        programs / "pg_ctl",
        "-D",
        folder / "data",
        "-l",
        folder / "log",
        "-w",
        "-t",
        str(START_SECONDS),
    ]
    subprocess.run(
        [*command, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        check=check,
        **as_user,
    )


@contextmanager
def database() -> Iterator[str]:
    """Create an empty database during the block and yield its SQLAlchemy URL. Skips the test without PostgreSQL."""
    if programs_folder() is None:
        pytest.skip("PostgreSQL is not installed")
    name = f"test_{next(_numbers)}"
    with psycopg.connect(host=str(_cluster()), user="bank", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
        yield f"postgresql+psycopg://bank@/{name}?host={_cluster()}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@cache
def _cluster() -> Path:
    """Return the socket folder of the cluster of this process, which stops when the process exits."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(cluster_folder(*_NOT_DURABLE, _QUICK_TO_SEE, "max_connections=400"))
