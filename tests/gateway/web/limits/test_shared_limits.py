"""Limits in Redis: shared by gateways, and counted in memory while Redis is away."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api_gateway.web.limits.shared_limits import PAUSE_SECONDS, RedisServer, SharedBuckets
from tests.support.fakes import FakeClock
from tests.support.redis_server import RedisProcess, needs_redis, redis_server

pytestmark = needs_redis


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisProcess]:
    with redis_server(tmp_path) as process:
        yield process


def test_two_gateways_share_a_bucket_and_each_key_has_its_own(redis: RedisProcess) -> None:
    first, second = (SharedBuckets("login", 0.01, 3, RedisServer(redis.url)) for _ in range(2))
    assert [first.take("a"), second.take("a"), first.take("a")] == [0, 0, 0]
    assert 90 < second.take("a") <= 100
    assert second.take("b") == 0
    assert SharedBuckets("reset", 0.01, 3, RedisServer(redis.url)).take("a") == 0


def test_a_bucket_refills_at_its_rate(redis: RedisProcess) -> None:
    buckets = SharedBuckets("login", 1000, 1, RedisServer(redis.url))
    waits = [buckets.take("a") for _ in range(200)]
    assert waits[0] == 0
    assert 2 <= waits.count(0) <= 200


def test_of_many_at_once_no_more_than_the_burst_are_let_through(redis: RedisProcess) -> None:
    buckets = SharedBuckets("login", 0.01, 10, RedisServer(redis.url))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(buckets.take, ["a"] * 40)).count(0) == 10


def test_while_redis_is_away_it_is_counted_in_memory_and_said_once(
    redis: RedisProcess, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock(100.0)
    buckets = SharedBuckets("login", 0.01, 2, RedisServer(redis.url, clock=clock))
    assert buckets.take("a") == 0
    redis.stop()
    with caplog.at_level(logging.INFO):
        assert [buckets.take("a") > 0 for _ in range(3)] == [False, False, True]
        clock.now += PAUSE_SECONDS + 1
        assert buckets.take("a") > 0
        assert [record.message for record in caplog.records] == [
            "Redis does not answer (ConnectionError): rate limits are counted in memory"
        ]
        redis.start()
        clock.now += PAUSE_SECONDS + 1
        assert buckets.take("a") == 0
        assert caplog.records[-1].message == "Redis answers again: rate limits are shared"


def test_a_redis_that_was_never_there_stops_nothing() -> None:
    buckets = SharedBuckets("login", 0.01, 1, RedisServer("redis://127.0.0.1:1/0"))
    assert [buckets.take("a") > 0 for _ in range(2)] == [False, True]
