"""Faults of the machine, injected by a library that is preloaded into the processes; see failing.c."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class FailingMachine:
    """Injects faults of the disk and the clock into processes whose environment contains `variables`."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("there is no C compiler")
        library = folder / "failing.so"
        source = Path(__file__).with_name("failing.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        self._faults = folder / "faults"
        self._faults.mkdir()
        self.variables = {"LD_PRELOAD": str(library), "BANK_FAULT_DIR": str(self._faults)}

    @contextmanager
    def disk_full(self, path: str) -> Iterator[None]:
        """Let writes fail with ENOSPC for files whose path contains `path`."""
        with self._fault("full", path):
            yield

    @contextmanager
    def not_syncing(self, path: str) -> Iterator[None]:
        """Let fsync fail for files whose path contains `path`."""
        with self._fault("unsynced", path):
            yield

    @contextmanager
    def noting_syncs(self, path: str) -> Iterator[None]:
        """Record the synced size of the file whose path contains `path`, for `cut_off_unsynced`."""
        with self._fault("noting", path):
            yield

    def cut_off_unsynced(self, write_ahead_log: Path) -> int:
        """Remove the unsynced end of a write-ahead log, as a power cut may; return the number of bytes.

        Requires that the log was not restarted since the recorded sync, which changes its header.
        """
        noted = (self._faults / "synced").read_bytes()
        synced = int.from_bytes(noted[32:], sys.byteorder)
        with write_ahead_log.open("r+b") as log:
            assert log.read(32) == noted[:32], "the log was restarted, and its sync was not recorded"
            length = log.seek(0, 2)
            log.truncate(min(synced, length))
        return max(0, length - synced)

    @contextmanager
    def clock_ahead(self, seconds: int) -> Iterator[None]:
        """Set the wall clock of all processes forward during the block."""
        with self._fault("clock", str(seconds)):
            yield

    @contextmanager
    def _fault(self, name: str, text: str) -> Iterator[None]:
        file = self._faults / name
        draft = file.with_suffix(".draft")
        draft.write_text(text)
        draft.rename(file)
        try:
            yield
        finally:
            file.unlink()
