"""Secret files are created once, written atomically and readable by their owner only."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.core.errors import CannotStart
from shared.security import secret_files
from tests.support.processes import as_another_user


def test_a_secret_is_created_once(tmp_path: Path) -> None:
    path = secret_files.folder(tmp_path) / "some_secret"
    first = secret_files.read_or_create(path)
    assert len(first) >= 48
    assert secret_files.read_or_create(path) == first
    assert secret_files.read_or_create(path.with_name("other")) != first


def test_only_the_owner_may_read_a_secret(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = secret_files.folder(tmp_path) / "some_secret"
        secret_files.read_or_create(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_missing_file_is_read_as_none(tmp_path: Path) -> None:
    assert secret_files.read(tmp_path / "nothing") is None
    assert secret_files.read(tmp_path / "no folder" / "nothing") is None


def _empty(path: Path) -> None:
    path.write_text(" \n")


def _binary(path: Path) -> None:
    path.write_bytes(b"\xff\xfe secret")


def _dangling_link(path: Path) -> None:
    path.symlink_to("not mounted")


@pytest.mark.parametrize("spoil", [_empty, _binary, Path.mkdir, _dangling_link])
def test_an_unusable_secret_file_is_never_replaced(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    path = tmp_path / "some_secret"
    spoil(path)
    before = path.lstat()
    with pytest.raises(CannotStart, match=rf"^the secret file {path} .*: give it to the user who runs the services"):
        secret_files.read_or_create(path)
    assert path.lstat() == before


def test_a_secret_file_of_another_user_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "some_secret"
    secret_files.write(path, "of root")
    with as_another_user(), pytest.raises(CannotStart, match=r"can't be read \(Permission denied\)"):
        secret_files.read_or_create(path)
    assert path.read_text() == "of root"


def test_a_folder_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    with as_another_user(), pytest.raises(CannotStart, match=rf"{tmp_path / 'some_secret'} can't be written"):
        secret_files.write(tmp_path / "some_secret", "new")


def test_writing_replaces_the_file_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "some_secret"
    secret_files.write(path, "first, and long")
    assert secret_files.write(path, "second") == "second"
    assert path.read_text() == "second"
    assert list(tmp_path.iterdir()) == [path]
