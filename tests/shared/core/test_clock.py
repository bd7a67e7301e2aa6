"""The clock of a process, and how far a file sets it back."""

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


def test_now_is_now_and_knows_its_zone() -> None:
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert clock.now().tzinfo is UTC


def test_the_clock_follows_the_file_at_every_moment(offset_file: Path) -> None:
    offset_file.write_text("86400")
    assert timedelta(hours=23) < datetime.now(UTC) - clock.now() < timedelta(hours=25)
    offset_file.write_text("3600")
    assert timedelta(minutes=59) < datetime.now(UTC) - clock.now() < timedelta(minutes=61)


@pytest.mark.parametrize("text", ["", "-86400", "soon", "9" * 30])
def test_the_clock_runs_true_when_the_file_makes_no_sense(offset_file: Path, text: str) -> None:
    offset_file.write_text(text)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_clock_runs_true_without_the_file(offset_file: Path) -> None:
    assert not offset_file.exists()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)
