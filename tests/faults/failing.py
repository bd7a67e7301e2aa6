"""A machine that fails under a bank, by a library that is preloaded into its processes: see failing.c."""

import shutil
import subprocess
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
