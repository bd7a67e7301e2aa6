"""The breaker opens, tries, closes, and never makes one call wait for another."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.http.circuit_breaker import CircuitBreaker, CircuitOpen
from tests.support.fakes import FakeClock


def fail() -> None:
    raise ConnectionError


def break_it(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(ConnectionError):
            breaker.call(fail)


def test_failures_in_a_row_open_it_and_each_of_them_is_told_as_it_was() -> None:
    breaker = CircuitBreaker(fail_max=3, clock=FakeClock())
    break_it(breaker, 3)
    with pytest.raises(CircuitOpen):
        breaker.call(lambda: "not called")


def test_a_success_in_between_starts_the_count_anew() -> None:
    breaker = CircuitBreaker(fail_max=3, clock=FakeClock())
    break_it(breaker, 2)
    assert breaker.call(lambda: 7) == 7
    break_it(breaker, 2)
    assert breaker.call(lambda: 7) == 7


def test_after_its_rest_one_call_tries_and_closes_it() -> None:
    clock = FakeClock()
    breaker = CircuitBreaker(fail_max=2, rest_seconds=1, clock=clock)
    break_it(breaker, 2)
    clock.now = 1.0
    assert breaker.call(lambda: 7) == 7
    break_it(breaker, 1)
    assert breaker.call(lambda: 7) == 7


def test_a_try_that_fails_opens_it_again() -> None:
    clock = FakeClock()
    breaker = CircuitBreaker(fail_max=2, rest_seconds=1, clock=clock)
    break_it(breaker, 2)
    clock.now = 1.0
    break_it(breaker, 1)
    clock.now = 1.9
    with pytest.raises(CircuitOpen):
        breaker.call(lambda: 7)


def test_only_one_tries_at_a_time() -> None:
    clock = FakeClock()
    breaker = CircuitBreaker(fail_max=1, rest_seconds=1, clock=clock)
    break_it(breaker, 1)
    clock.now = 1.0

    def trying() -> str:
        with pytest.raises(CircuitOpen):
            breaker.call(lambda: "a second try")
        return "first"

    assert breaker.call(trying) == "first"


def test_calls_go_side_by_side() -> None:
    breaker, together = CircuitBreaker(), threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(breaker.call, together.wait, 5) for _ in range(4)]
        assert sorted(call.result() for call in calls) == [0, 1, 2, 3]
