"""Secrets are made once, kept whole, and for their owner's eyes only."""

import os
from pathlib import Path

from shared import secret_files


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    path = secret_files.folder(tmp_path) / "some_secret"
    first = secret_files.read_or_make(path)
    assert len(first) >= 48
    assert secret_files.read_or_make(path) == first
    assert secret_files.read_or_make(path.with_name("other")) != first


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = secret_files.folder(tmp_path) / "some_secret"
        secret_files.read_or_make(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_what_is_not_there_or_empty_is_none(tmp_path: Path) -> None:
    assert secret_files.read(tmp_path / "nothing") is None
    (tmp_path / "empty").write_text(" \n")
    assert secret_files.read(tmp_path / "empty") is None
    assert secret_files.read(tmp_path) is None


def test_writing_replaces_the_whole_and_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "some_secret"
    secret_files.write(path, "first, and long")
    assert secret_files.write(path, "second") == "second"
    assert path.read_text() == "second"
    assert list(tmp_path.iterdir()) == [path]
