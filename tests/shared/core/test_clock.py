"""The clock of a process, and the file that sets it back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.core import clock


@pytest.fixture
def offset_file(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "offset"
    clock.set_clock_back_by(file)
    yield file
    clock.set_clock_back_by(None)


def test_now_is_the_current_instant_with_a_time_zone() -> None:
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert clock.now().tzinfo is UTC


def test_the_offset_is_read_from_the_file_at_each_call(offset_file: Path) -> None:
    offset_file.write_text("86400")
    assert timedelta(hours=23) < datetime.now(UTC) - clock.now() < timedelta(hours=25)
    offset_file.write_text("3600")
    assert timedelta(minutes=59) < datetime.now(UTC) - clock.now() < timedelta(minutes=61)


@pytest.mark.parametrize("text", ["", "-86400", "soon", "9" * 30])
def test_an_unreadable_offset_is_ignored(offset_file: Path, text: str) -> None:
    offset_file.write_text(text)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_without_the_file_there_is_no_offset(offset_file: Path) -> None:
    assert not offset_file.exists()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
