"""Days and instants at the edges of a range, and a clock that can be set back but not forward."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from shared import periods
from shared.periods import From, Timestamp, Until

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def offset_file(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "offset"
    periods.set_clock_back_by(file)
    yield file
    periods.set_clock_back_by(None)


def read(kind: Any, value: str | None) -> datetime | None:
    instant: datetime | None = TypeAdapter(kind).validate_python(value)
    return instant


def test_a_day_is_all_of_it() -> None:
    assert read(From, "2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)
    assert read(Until, "2026-01-31") == datetime(2026, 2, 1, tzinfo=UTC)


def test_an_instant_includes_itself() -> None:
    assert read(From, "2026-01-31T12:00:00Z") == NOON
    assert read(Until, "2026-01-31T12:00:00Z") == NOON + timedelta(microseconds=1)


def test_zones_become_utc_and_none_means_utc() -> None:
    assert read(From, "2026-01-31T14:00:00+02:00") == NOON
    assert read(From, "2026-01-31T12:00:00") == NOON
    assert read(From, None) is None


@pytest.mark.parametrize("kind", [From, Until])
@pytest.mark.parametrize(
    "text", ["", "31.01.2026", "2026-02-30", "2026-13-01", "today", "\u0661\u0662\u0663\u0664-01-01"]
)
def test_what_is_neither_day_nor_instant_is_refused(kind: Any, text: str) -> None:
    with pytest.raises(ValidationError):
        read(kind, text)


@pytest.mark.parametrize("text", ["9999-12-31", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00"])
def test_the_end_of_time_is_refused_and_no_crash(text: str) -> None:
    with pytest.raises(ValidationError):
        read(Until, text)


def test_timestamps_are_utc_with_z() -> None:
    class Seen(BaseModel):
        at: Timestamp

    assert Seen(at=NOON).model_dump(mode="json") == {"at": "2026-01-31T12:00:00.000000Z"}
    assert periods.to_text(NOON.replace(tzinfo=None)) == "2026-01-31T12:00:00.000000Z"


def test_text_of_another_zone_is_the_same_instant() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5)))
    assert periods.to_text(there) == "2026-01-31T12:00:00.000000Z"


def test_now_is_now_and_knows_its_zone() -> None:
    assert abs(periods.now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert periods.now().tzinfo is UTC


def test_the_clock_follows_the_file_at_every_moment(offset_file: Path) -> None:
    offset_file.write_text("86400")
    assert timedelta(hours=23) < datetime.now(UTC) - periods.now() < timedelta(hours=25)
    offset_file.write_text("3600")
    assert timedelta(minutes=59) < datetime.now(UTC) - periods.now() < timedelta(minutes=61)


@pytest.mark.parametrize("text", ["", "-86400", "soon", "9" * 30])
def test_the_clock_runs_true_when_the_file_makes_no_sense(offset_file: Path, text: str) -> None:
    offset_file.write_text(text)
    assert abs(periods.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_clock_runs_true_without_the_file(offset_file: Path) -> None:
    assert not offset_file.exists()
    assert abs(periods.now() - datetime.now(UTC)) < timedelta(seconds=5)
