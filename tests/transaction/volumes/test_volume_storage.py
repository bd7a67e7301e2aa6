"""The stored sums equal the sums of the legs, after completions, rejections, reversals and repetitions."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.suite import Suite
from tests.transaction.volumes.books import FIRST, Books, Move, instants, moves
from transaction_service.volumes.volume_storage import Volume


@pytest.mark.timeout(300)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    batches=st.lists(st.lists(moves, min_size=1, max_size=8), min_size=1, max_size=4),
    undone=st.integers(0, 8),
    since=instants,
    until=instants,
)
def test_stored_sums_equal_the_sums_of_the_legs(
    books: Books, batches: list[list[Move]], undone: int, since: datetime | None, until: datetime | None
) -> None:
    done = []
    for batch in batches:
        decided = [books.move(*move) for move in batch]
        books.project(*decided)
        done += decided
    books.project(*done[:5])
    for transaction in done[:undone]:
        if transaction.status == "completed":
            books.undo(transaction, transaction.timestamp + timedelta(days=1))
    books.check()
    books.check(since, until)


def test_a_posting_that_is_projected_again_after_a_restart_counts_once(books: Books, bank: Suite) -> None:
    transaction = books.decided(None, books.sides[1])
    for _ in range(3):
        books.project(transaction)
    (volume,) = books.volumes.of_user(books.users[0], account_id=None, since=None, until=None).by_day.values()
    assert (volume.count, volume.total_minor, volume.largest_minor) == (1, 100, 100)


def test_a_range_may_begin_and_end_within_a_day(books: Books) -> None:
    noon = timedelta(hours=12)
    for days in range(4):
        books.complete(None, books.sides[1], 10**days, FIRST + timedelta(days=days) + noon)
    later, user_id = timedelta(microseconds=1), books.users[0]

    def total(since: datetime | None, until: datetime | None) -> int:
        volumes = books.volumes.of_user(user_id, account_id=None, since=since, until=until)
        return sum(volume.total_minor for volume in volumes.by_day.values())

    second, last = FIRST + timedelta(days=1) + noon, FIRST + timedelta(days=3) + noon
    assert total(None, None) == 1111
    assert total(second, last) == 110
    assert total(second + later, last + later) == 1100
    assert total(second, second + later) == 10
    assert total(second + later, second) == 0
    assert total(second.replace(hour=0), None) == 1110
    assert total(None, last.replace(hour=0)) == 111
    assert total(datetime.max.replace(tzinfo=UTC), None) == 0
    assert total(None, datetime.min.replace(tzinfo=UTC)) == 0
    assert total(None, datetime.min.replace(tzinfo=UTC) + later) == 0
    assert total(None, datetime.min.replace(tzinfo=UTC)) == 0


def test_concurrent_writers_lose_no_update_of_the_same_sums(books: Books, bank: Suite) -> None:
    there, back = (books.sides[1], books.sides[2]), (books.sides[2], books.sides[1])

    def work(number: int) -> None:
        with bank.apps["transaction"].app_context():
            for _ in range(5):
                ways = [there, back] if number % 2 else [back, there]
                books.project(*(books.decided(*way) for way in ways))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    volumes = books.volumes.of_user(books.users[0], account_id=None, since=None, until=None)
    assert volumes.by_type == {"transfer": Volume(str(FIRST.date()), 80, 8000, 4000, 4000, 100)}
    books.check()
