"""Days begin where a time zone says: also when clocks change, when a day is skipped, and before standard time."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.core.time_zones import day_end, day_start, read_zone
from tests.transaction.volumes.books import Books
from transaction_service.transaction_models import Transaction
from transaction_service.volumes.volume_storage import Selection

TIMES = [
    ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 1, 31, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(1985, 12, 31, tzinfo=UTC)),  # from 5:30 to 5:45
    ("Asia/Kolkata", datetime(2025, 12, 31, tzinfo=UTC)),
    ("America/St_Johns", datetime(2010, 11, 7, tzinfo=UTC)),  # back over midnight, to the day before
    ("America/St_Johns", datetime(2026, 3, 8, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, tzinfo=UTC)),  # the day that did not exist
    ("America/Sao_Paulo", datetime(2018, 11, 4, tzinfo=UTC)),  # a day without midnight
    ("Africa/Monrovia", datetime(1972, 1, 7, tzinfo=UTC)),  # from -0:44:30 to 0:00
    ("Europe/Amsterdam", datetime(1937, 7, 1, tzinfo=UTC)),  # from 0:19:32 to 0:20
    ("America/New_York", datetime(1883, 11, 18, tzinfo=UTC)),  # from local mean time
    ("UTC", datetime(2024, 2, 29, tzinfo=UTC)),
    ("Etc/GMT+12", datetime(2026, 2, 28, tzinfo=UTC)),
]
MICROSECOND = timedelta(microseconds=1)
QUARTER_SECONDS = 900
offsets = st.one_of(
    st.integers(-60 * 4 * 24, 60 * 4 * 24).map(lambda minutes: timedelta(minutes=minutes)),
    st.builds(
        lambda quarters, microseconds: timedelta(seconds=QUARTER_SECONDS * quarters, microseconds=microseconds),
        st.integers(-3 * 96, 3 * 96),
        st.sampled_from([-1, 0, 1]),
    ),
)


def shown_day(instant: datetime, zone: ZoneInfo) -> date:
    """Return the date on the clocks of a zone; the latest one if they were set back over midnight."""
    before = (instant - timedelta(minutes=minutes) for minutes in range(130))
    return max(at.astimezone(zone).date() for at in (instant, *before))


@pytest.mark.timeout(300)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    place=st.sampled_from(TIMES),
    moved=st.lists(st.tuples(offsets, st.integers(1, 9), st.booleans()), min_size=1, max_size=12),
    since=st.one_of(st.none(), offsets),
    until=st.one_of(st.none(), offsets),
)
def test_sums_by_day_of_a_zone_equal_those_of_an_independent_calculation(
    books: Books,
    place: tuple[str, datetime],
    moved: list[tuple[timedelta, int, bool]],
    since: timedelta | None,
    until: timedelta | None,
) -> None:
    books = Books(books.app)  # each example has people of its own
    zone, middle = read_zone(place[0]), place[1]
    start, end = (None if offset is None else middle + offset for offset in (since, until))
    payments = [
        books.decided(books.sides[1], books.sides[4 if inside else 2], amount, middle + offset)
        for offset, amount, inside in moved
    ]
    before = banks_days(books, start, end, zone)
    books.project(*payments)
    books.storage.refresh()
    within = [row for row in payments if (not start or row.timestamp >= start) and (not end or row.timestamp < end)]
    expected = counted(within, zone)
    user_id, account_id = books.users[0], (books.sides[1] or ("", ""))[1]
    for volumes in (
        books.volumes.of_user(user_id, account_id=None, since=start, until=end, zone=zone),
        books.volumes.of_user(user_id, account_id=account_id, since=start, until=end, zone=zone),
        books.volumes.of_selection(user_id, Selection((account_id,)), since=start, until=end, zone=zone),
    ):
        assert {day: (volume.count, volume.total_minor) for day, volume in volumes.by_day.items()} == expected
        assert list(volumes.by_day) == sorted(volumes.by_day)
        assert max((kind.largest_minor for kind in volumes.by_type.values()), default=0) == max(
            (row.amount_minor for row in within), default=0
        )
    after = banks_days(books, start, end, zone)
    after.subtract(before)
    assert {day: count for day, count in after.items() if count} == {day: count for day, (count, _) in expected.items()}


def counted(payments: list[Transaction], zone: ZoneInfo) -> dict[str, tuple[int, int]]:
    """Return number and sum of payments by day."""
    amounts: dict[str, list[int]] = defaultdict(list)
    for payment in payments:
        amounts[str(shown_day(payment.timestamp, zone))].append(payment.amount_minor)
    return {day: (len(found), sum(found)) for day, found in amounts.items()}


def banks_days(books: Books, since: datetime | None, until: datetime | None, zone: ZoneInfo) -> Counter[str]:
    """Return the number of the bank's transactions by day."""
    books.storage.refresh()
    days = books.bank_volumes.by_day_and_type(since=since, until=until, zone=zone)
    return Counter({day: sum(volume.count for volume in kinds.values()) for day, kinds in days.items()})


@pytest.mark.parametrize(("name", "day"), [(name, at.date()) for name, at in TIMES])
def test_the_first_and_the_last_microsecond_of_a_day_count_on_it_once(books: Books, name: str, day: date) -> None:
    books, zone = Books(books.app), read_zone(name)
    start, end = day_start(day, zone), day_end(day, zone)
    for at in (start - MICROSECOND, start, end - MICROSECOND, end):
        books.complete(None, books.sides[1], 1, at)
    volumes = books.volumes.of_user(books.users[0], account_id=None, since=start, until=end, zone=zone)
    is_skipped = start == end
    assert [(day, volume.count) for day, volume in volumes.by_day.items()] == ([] if is_skipped else [(str(day), 2)])
    whole = books.volumes.of_user(books.users[0], account_id=None, since=None, until=None, zone=zone)
    assert whole.count == 4
