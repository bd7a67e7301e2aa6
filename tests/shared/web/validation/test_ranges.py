"""Ranges in queries: both ends are included, days begin where the zone says, and none may be reversed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from shared.core.errors import InvalidRequest
from shared.web.validation.ranges import AmountRange, ComparedRange, TimeRange

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def ends(**query: Any) -> tuple[datetime | None, datetime | None]:
    found = TimeRange.model_validate(query)
    return found.since, found.until


def test_a_range_includes_its_last_day() -> None:
    midnight = datetime(2026, 1, 31, tzinfo=UTC)
    assert ends(**{"from": "2026-01-31", "to": "2026-01-31"}) == (midnight, midnight + timedelta(days=1))


def test_a_range_includes_its_last_instant() -> None:
    both = dict.fromkeys(("from", "to"), "2026-01-31T12:00:00Z")
    assert ends(**both) == (NOON, NOON + timedelta(microseconds=1))


def test_a_range_without_ends_has_none() -> None:
    assert ends() == (None, None)


@pytest.mark.parametrize(
    ("zone", "hours"), [("Asia/Tokyo", 24), ("Europe/Athens", 23), ("America/Sao_Paulo", 24), ("UTC", 24)]
)
def test_days_are_those_of_the_zone_also_when_clocks_change(zone: str, hours: int) -> None:
    since, until = ends(**{"from": "2026-03-29", "to": "2026-03-29", "tz": zone})
    assert since
    assert until
    assert until - since == timedelta(hours=hours)


def test_the_zone_leaves_instants_as_they_are() -> None:
    assert ends(**{"from": "2026-01-31T12:00:00Z", "tz": "Asia/Tokyo"}) == (NOON, None)


@pytest.mark.parametrize("text", ["9999-12-31", "9999-12-31T23:59:59.999999Z"])
def test_a_range_to_the_last_day_has_no_end(text: str) -> None:
    assert ends(to=text) == (None, None)


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="must be the name of a time zone"):
        ends(tz="Mars/Base")


def test_the_range_before_begins_with_a_day_of_the_zone() -> None:
    days = {"compare_from": "2026-01-31", "from": "2026-02-01"}
    query = ComparedRange.model_validate({**days, "tz": "Asia/Tokyo"})
    assert query.compare_since == datetime(2026, 1, 30, 15, tzinfo=UTC)
    assert ComparedRange().compare_since is None


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-02-01", "2026-01-31"),
        ("2026-02-01T12:00:00Z", "2026-02-01T11:59:59Z"),
        ("2026-02-01T12:00:00Z", "2026-01-31"),
        ("2026-02-01", "2026-01-31T12:00:00Z"),
    ],
)
def test_a_range_that_ends_before_it_begins_is_refused(first: str, last: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        ends(**{"from": first, "to": last})
    assert refusal.value.details == {"from": "must not be after to"}


def test_a_day_that_its_zone_skips_is_an_empty_range() -> None:
    day = {"from": "2011-12-30", "to": "2011-12-30", "tz": "Pacific/Apia"}
    since, until = ends(**day)
    assert since == until
    assert since
    last = since - timedelta(microseconds=1)
    assert ends(**{"from": since.isoformat(), "to": last.isoformat()}) == (since, since)


@pytest.mark.parametrize("query", [{}, {"from": "2026-01-30"}])
def test_the_range_before_must_begin_before_the_range(query: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        ComparedRange.model_validate({"compare_from": "2026-01-31", **query})
    assert list(refusal.value.details) == ["compare_from"]


def test_a_range_of_amounts_has_both_ends_and_is_not_reversed() -> None:
    assert AmountRange.model_validate({"min": "0", "max": "0.00"}).at_most == 0
    with pytest.raises(InvalidRequest) as refusal:
        AmountRange.model_validate({"min": "5.01", "max": "5"})
    assert refusal.value.details == {"min": "must not be above max"}
