"""Days and months of time zones: every instant belongs to exactly one day."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.time_zones import (
    FIRST_INSTANT,
    LAST_INSTANT,
    day_end,
    day_of,
    day_pieces,
    day_start,
    last_of_month,
    read_month,
    read_zone,
    shifts,
)

ZONES = sorted(available_timezones() - {"Factory", "localtime", "posixrules"})
INSTANTS = st.integers(-2_000_000_000, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
ATHENS, SAO_PAULO = read_zone("Europe/Athens"), read_zone("America/Sao_Paulo")


@given(INSTANTS, st.sampled_from(ZONES))
def test_each_instant_belongs_to_exactly_one_day(instant: datetime, name: str) -> None:
    zone = read_zone(name)
    day = day_of(instant, zone)
    assert day_start(day, zone) <= instant < day_end(day, zone)
    assert day_end(day, zone) == day_start(day + timedelta(days=1), zone)


@given(INSTANTS, st.integers(0, 40 * 24 * 3600), st.sampled_from(ZONES))
def test_pieces_of_days_cover_a_range_once(since: datetime, seconds: int, name: str) -> None:
    zone, until = read_zone(name), since + timedelta(seconds=seconds)
    pieces = list(day_pieces(since, until, zone))
    assert [piece.start for piece in pieces] == [since, *(piece.end for piece in pieces[:-1])][: len(pieces)]
    assert (pieces[-1].end if pieces else until) == until
    for piece in pieces:
        last = piece.end - datetime.resolution
        assert day_of(piece.start, zone) == day_of(last, zone) == piece.day
        assert piece.start.date() == last.date() == piece.utc_day


@given(INSTANTS, st.integers(0, 4 * 366 * 24 * 3600), st.integers(0, 10**6), st.sampled_from(ZONES))
def test_shifts_give_the_day_of_each_instant(since: datetime, seconds: int, place: int, name: str) -> None:
    zone, until = read_zone(name), since + timedelta(seconds=seconds)
    found = shifts(since, until, zone)
    changes = [shift.start + change for shift in found for change in (-datetime.resolution, timedelta(0))]
    for instant in (since, until, since + timedelta(seconds=seconds * place // 10**6), *changes):
        if since <= instant <= until:
            by = [shift.by for shift in found if shift.start <= instant][-1]
            assert (instant + by).date() == day_of(instant, zone)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-03-30", 24), ("2026-10-25", 25)])
def test_a_day_on_which_clocks_change_has_its_own_length(day: str, hours: int) -> None:
    start, end = (bound(date.fromisoformat(day), ATHENS) for bound in (day_start, day_end))
    assert end - start == timedelta(hours=hours)


def test_the_last_microsecond_of_a_month_belongs_to_it() -> None:
    end = day_end(last_of_month(date(2026, 2, 10)), ATHENS)
    assert end == datetime(2026, 2, 28, 22, tzinfo=UTC)
    assert day_of(end - datetime.resolution, ATHENS) == date(2026, 2, 28)
    assert day_of(end, ATHENS) == date(2026, 3, 1)


def test_a_day_without_midnight_begins_when_clocks_are_set_forward() -> None:
    assert day_start(date(2018, 11, 4), SAO_PAULO) == datetime(2018, 11, 4, 3, tzinfo=UTC)
    assert day_of(datetime(2018, 11, 4, 3, tzinfo=UTC), SAO_PAULO) == date(2018, 11, 4)
    assert day_of(datetime(2018, 11, 4, 2, 59, 59, 999999, tzinfo=UTC), SAO_PAULO) == date(2018, 11, 3)


def test_clocks_set_back_over_midnight_don_t_return_to_the_day_before() -> None:
    st_johns = read_zone("America/St_Johns")  # from 00:01 to 23:01
    again = datetime(2010, 11, 7, 2, 45, tzinfo=UTC)
    assert again.astimezone(st_johns).date() == date(2010, 11, 6)
    assert day_of(again, st_johns) == date(2010, 11, 7)


@pytest.mark.parametrize("name", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu"])
def test_the_first_and_the_last_day_have_bounds_in_every_zone(name: str) -> None:
    zone = read_zone(name)
    assert FIRST_INSTANT <= day_start(date.min, zone) < day_end(date.min, zone)
    assert day_start(date.max, zone) < day_end(date.max, zone) == LAST_INSTANT


@pytest.mark.parametrize(
    "name", ["", "utc+2", "Mars/Base", "../etc/passwd", "localtime", "posixrules", "Factory", {}, [], None, 5]
)
def test_an_unknown_zone_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match="must be the name of a time zone"):
        read_zone(name)


def test_a_month_has_one_form() -> None:
    assert read_month("2026-02") == date(2026, 2, 1)
    for text in ("2026-13", "2026-00", "0000-01", "2026-1", "26-01", "2026-01-01", "", "\u0662026-01", None):
        with pytest.raises(ValueError, match="must be a month"):
            read_month(text)


def test_a_month_ends_with_its_last_day() -> None:
    assert last_of_month(date(2028, 2, 1)) == date(2028, 2, 29)
    assert last_of_month(date(2026, 12, 31)) == date(2026, 12, 31)
    assert last_of_month(date(9999, 12, 1)) == date.max
