"""Days and instants in queries, at both ends of a range."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.core import periods
from shared.core.periods import Day, DayOrInstant, Timestamp

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def read(kind: Any, value: str) -> date | datetime:
    found: date | datetime = TypeAdapter(kind).validate_python(value)
    return found


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00.0Z",
        "2026-01-31T12:00:00.000000Z",
        "2026-01-31T12:00:00+00:00",
        "2026-01-31T12:00:00-00:00",
        "2026-01-31T14:00:00+02:00",
        "2026-01-31T06:15:00.00-05:45",
        "2026-02-01T11:59:00+23:59",
    ],
)
def test_instants_of_all_zones_become_utc(text: str) -> None:
    assert read(DayOrInstant, text) == NOON


@pytest.mark.parametrize("kind", [DayOrInstant, Day])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "today",
        "31.01.2026",
        "20261128",
        "2026-W48-6",
        "2026-332",
        "2026-1-31",
        "2026-02-30",
        "2026-13-01",
        "0000-01-01",
        " 2026-01-31",
        "2026-01-31\n",
        "+2026-01-31",
        "\u0661\u0662\u0663\u0664-01-01",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00Z",
        "2026-01-31T12Z",
        "2026-01-31T120000Z",
        "20260131T120000Z",
        "2026-01-31 12:00:00Z",
        "2026-01-31t12:00:00Z",
        "2026-01-31T12:00:00z",
        "2026-01-31T12:00:00 Z",
        "2026-01-31T12:00:00,5Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00.1234567Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T23:59:60Z",
        "2026-02-30T12:00:00Z",
        "2026-01-31T12:00:00+0100",
        "2026-01-31T12:00:00+01",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+01:60",
        "2026-01-31T12:00:00+99:99",
        "2026-01-31T12:00:00+01:00:30",
        "2026-01-31T12:00:00+01:00Z",
        "2026-01-31T12:00:0\u0660Z",
    ],
)
def test_other_text_is_refused_with_the_accepted_forms(kind: Any, text: str) -> None:
    forms = "YYYY-MM-DD," if kind is Day else r"YYYY-MM-DD, .*YYYY-MM-DDTHH:MM:SS\[.ffffff\] with Z or an offset"
    with pytest.raises(ValidationError, match=rf"must be a day \({forms}") as refused:
        TypeAdapter(kind).validate_python(text)
    assert "%2B" not in str(refused.value)


@pytest.mark.parametrize("value", [20261128, 1.5, None, ["2026-01-31"]])
def test_only_text_is_a_day_or_an_instant(value: object) -> None:
    kinds: tuple[Any, ...] = (DayOrInstant, Day)
    for kind in kinds:
        with pytest.raises(ValidationError, match="must be a day"):
            TypeAdapter(kind).validate_python(value)


def test_an_offset_whose_plus_became_a_space_is_explained() -> None:
    with pytest.raises(ValidationError, match=r"write the [+] of an offset as %2B"):
        read(DayOrInstant, "2026-01-31T12:00:00 01:00")


@pytest.mark.parametrize("kind", [DayOrInstant, Day])
def test_the_first_and_the_last_day_of_the_calendar_are_read(kind: Any) -> None:
    assert [read(kind, text) for text in ("0001-01-01", "9999-12-31")] == [date.min, date.max]


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+00:01"])
def test_an_instant_that_is_in_no_year_in_utc_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="must lie in the years 0001 to 9999"):
        read(DayOrInstant, text)


def test_timestamps_are_utc_with_z() -> None:
    class Seen(BaseModel):
        at: Timestamp

    assert Seen(at=NOON).model_dump(mode="json") == {"at": "2026-01-31T12:00:00.000000Z"}
    assert periods.to_text(NOON.replace(tzinfo=None)) == "2026-01-31T12:00:00.000000Z"


def test_to_text_converts_other_zones_to_utc() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5)))
    assert periods.to_text(there) == "2026-01-31T12:00:00.000000Z"


def test_a_day_or_an_instant_keeps_its_kind() -> None:
    assert read(DayOrInstant, "2026-01-31") == date(2026, 1, 31)
    assert read(DayOrInstant, "2026-01-31T13:00:00+01:00") == NOON
    with pytest.raises(ValidationError, match="YYYY-MM-DDTHH:MM:SS"):
        read(DayOrInstant, "2026-01-31 12:00")
