"""Token buckets accept a burst, then a steady rate, and answer refusals with Retry-After."""

import pytest
from flask import Flask, request

from api_gateway.web.limits import rate_limits
from api_gateway.web.limits.rate_limits import Rule, TokenBuckets
from shared.web.responses import install_error_handlers
from tests.support.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(100.0)


def test_a_burst_is_accepted_and_then_the_rate_applies(clock: FakeClock) -> None:
    buckets = TokenBuckets(per_second=2, burst=3, clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    clock.now += 0.5
    assert buckets.take("a") == 0
    assert buckets.take("a") == 0.5


def test_a_refusal_takes_no_token(clock: FakeClock) -> None:
    buckets = TokenBuckets(per_second=1, burst=1, clock=clock)
    buckets.take("a")
    for _ in range(100):
        assert buckets.take("a") == 1
    clock.now += 1
    assert buckets.take("a") == 0


def test_a_bucket_never_holds_more_than_its_burst(clock: FakeClock) -> None:
    buckets = TokenBuckets(per_second=10, burst=2, clock=clock)
    buckets.take("a")
    clock.now += 1000
    assert [buckets.take("a") > 0 for _ in range(3)] == [False, False, True]


def test_each_key_has_its_own_bucket(clock: FakeClock) -> None:
    buckets = TokenBuckets(per_second=1, burst=1, clock=clock)
    assert [buckets.take(key) for key in ("a", "b", "a")] == [0, 0, 1]


def test_the_number_of_buckets_is_bounded(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_KEYS", 10)
    buckets = TokenBuckets(per_second=1, burst=1, clock=clock)
    for number in range(100):
        buckets.take(str(number))
        assert len(buckets) <= 10


def test_full_buckets_are_forgotten_before_the_empty_ones(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_KEYS", 3)
    buckets = TokenBuckets(per_second=1, burst=2, clock=clock)
    buckets.take("old")
    buckets.take("older")
    clock.now += 5
    buckets.take("busy")
    buckets.take("busy")
    buckets.take("next")
    assert buckets.take("busy") == 1


def test_a_refusal_has_retry_after(clock: FakeClock) -> None:
    app = Flask("limited")
    install_error_handlers(app)
    app.add_url_rule("/", view_func=lambda: "here", methods=["GET", "POST"])
    rule = Rule(lambda: "all" if request.method == "POST" else None, TokenBuckets(per_second=0.1, burst=1, clock=clock))
    rate_limits.install(app, (rule,))
    client = app.test_client()
    assert [client.post("/").status_code for _ in range(2)] == [200, 429]
    refused = client.post("/")
    assert refused.headers["Retry-After"] == "10"
    assert refused.json is not None
    assert refused.json["error_code"] == "TOO_MANY_REQUESTS"
    assert client.get("/").status_code == 200
