"""A machine that fails under a bank, by a library that is preloaded into its processes: see failing.c."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class FailingMachine:
    """A disk and a clock that can be made to fail; `variables` are for the environment of the processes concerned."""

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
        """Nothing more fits into files whose path holds `path`."""
        with self._fault("full", path):
            yield

    @contextmanager
    def not_syncing(self, path: str) -> Iterator[None]:
        """Files whose path holds `path` can't be brought to the disk."""
        with self._fault("unsynced", path):
            yield

    @contextmanager
    def noting_syncs(self, path: str) -> Iterator[None]:
        """What is synced of the one file whose path holds `path` is noted, so that the rest can be cut off."""
        with self._fault("noting", path):
            yield

    def cut_off_unsynced(self, write_ahead_log: Path) -> int:
        """Take from a log of SQLite's what was never synced, as a power cut may; returns how many bytes.

        A log that was begun anew since has another head, which SQLite syncs: then nothing behind that is.
        """
        noted = (self._faults / "synced").read_bytes()
        synced = int.from_bytes(noted[32:], sys.byteorder)
        with write_ahead_log.open("r+b") as log:
            assert log.read(32) == noted[:32], "the log was begun anew, and that was not noted"
            length = log.seek(0, 2)
            log.truncate(min(synced, length))
        return max(0, length - synced)

    @contextmanager
    def clock_ahead(self, seconds: int) -> Iterator[None]:
        """Everybody's time of day is ahead; at the end of the block it is set back."""
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
