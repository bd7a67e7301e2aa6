"""Cursors restore their position; other text is refused."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.errors import InvalidRequest
from shared.web import cursors

ANY_ID = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"


@dataclass(frozen=True)
class Row:
    at: datetime
    id: UUID


@given(st.integers(-(2**63) + 1, 2**63 - 1), st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_position_is_restored(number: int, instant: datetime, identity: UUID) -> None:
    cursor = cursors.encode(number, instant, identity)
    assert cursors.decode(cursor, int, datetime, UUID) == (number, instant, identity)


def test_an_id_of_the_payment_path_is_restored_as_text() -> None:
    assert cursors.decode(cursors.encode("0b" * 16), str) == ("0b" * 16,)


def test_a_cursor_of_an_earlier_version_is_read() -> None:
    instant, identity = cursors.decode(made_of(["2026-01-31 12:00:00.000001+00:00", ANY_ID]), datetime, UUID)
    assert instant == datetime(2026, 1, 31, 12, 0, 0, 1, tzinfo=UTC)
    assert identity == UUID(ANY_ID)


def test_the_first_page_has_no_cursor() -> None:
    assert cursors.decode(None, int, UUID) is None


def made_of(parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "%%%",
        "é",
        "a" * 500,
        made_of([1]),
        made_of([1, ANY_ID, 2]),
        made_of(["1", ANY_ID]),
        made_of([True, ANY_ID]),
        made_of([1.5, ANY_ID]),
        made_of([2**63, ANY_ID]),
        made_of([1, 2]),
        made_of([1, None]),
        made_of([None, ANY_ID]),
        made_of({"1": 2}),
        made_of("ab"),
        made_of(None),
        base64.urlsafe_b64encode(b"[" * 300).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        cursors.decode(cursor, int, UUID)
    assert list(refused.value.details) == ["cursor"]


@pytest.mark.parametrize(
    "instant", ["2026-01-31T12:00:00", "yesterday", 7, None, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_an_instant_without_a_zone_or_out_of_range_is_refused(instant: Any) -> None:
    with pytest.raises(InvalidRequest):
        cursors.decode(made_of([instant]), datetime)


def test_an_instant_comes_back_in_utc() -> None:
    there = datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))
    (instant,) = cursors.decode(cursors.encode(there), datetime)
    assert instant == there
    assert instant.tzinfo is UTC


def test_pages_together_are_the_list() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    everything = [Row(start + timedelta(days=day // 3), uuid4()) for day in range(10)]
    everything.sort(key=lambda row: (row.at, row.id))

    def fetch(*, limit: int, after: tuple[datetime, UUID] | None) -> list[Row]:
        return [row for row in everything if after is None or (row.at, row.id) > after][:limit]

    seen, page = list[Row](), cursors.Page(limit=3)
    while True:
        shown, pagination = cursors.fetch_page(page, fetch, at=datetime, id=UUID)
        seen += shown
        if pagination.next_cursor is None:
            break
        page = cursors.Page(limit=3, cursor=pagination.next_cursor)
    assert seen == everything
    assert len(shown) == 1


def test_a_last_page_that_is_just_full_has_no_next() -> None:
    rows = [Row(datetime.now(UTC), uuid4())] * 3
    _, pagination = cursors.fetch_page(cursors.Page(limit=3), lambda **_: rows, id=UUID)
    assert pagination.next_cursor is None
