"""The data directory is its owner's alone, and what can't be used is refused with the remedy."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from shared.core.errors import CannotStart
from shared.security import data_dir


@pytest.fixture(autouse=True)
def same_umask() -> Iterator[None]:
    umask = os.umask(0o022)
    yield
    os.umask(umask)


def test_an_existing_folder_and_new_files_become_accessible_to_the_owner_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    data_dir.prepare(tmp_path)
    (tmp_path / "file").touch()
    assert [path.stat().st_mode & 0o077 for path in (tmp_path, tmp_path / "file")] == [0, 0]


@pytest.mark.parametrize(("free", "total"), [(1000, 10**12), (0, 5000)])
def test_a_full_disk_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, total: int
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=free, total=total))
    expected = f"the disk with the data directory {tmp_path} is full: free some space, or set BANK_DATA_DIR"
    with pytest.raises(CannotStart, match=re.escape(expected)):
        data_dir.prepare(tmp_path)


def test_a_file_system_that_reports_no_size_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=0, total=0))
    data_dir.prepare(tmp_path)
