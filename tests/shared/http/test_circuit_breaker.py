"""The circuit breaker opens, tries a call, closes, and never blocks concurrent calls."""

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


def test_consecutive_failures_are_raised_and_open_the_circuit() -> None:
    breaker = CircuitBreaker(fail_max=3, clock=FakeClock())
    break_it(breaker, 3)
    with pytest.raises(CircuitOpen):
        breaker.call(lambda: "not called")


def test_a_success_resets_the_count() -> None:
    breaker = CircuitBreaker(fail_max=3, clock=FakeClock())
    break_it(breaker, 2)
    assert breaker.call(lambda: 7) == 7
    break_it(breaker, 2)
    assert breaker.call(lambda: 7) == 7


def test_a_successful_trial_call_closes_the_circuit() -> None:
    clock = FakeClock()
    breaker = CircuitBreaker(fail_max=2, rest_seconds=1, clock=clock)
    break_it(breaker, 2)
    clock.now = 1.0
    assert breaker.call(lambda: 7) == 7
    break_it(breaker, 1)
    assert breaker.call(lambda: 7) == 7


def test_a_failed_trial_call_opens_the_circuit_again() -> None:
    clock = FakeClock()
    breaker = CircuitBreaker(fail_max=2, rest_seconds=1, clock=clock)
    break_it(breaker, 2)
    clock.now = 1.0
    break_it(breaker, 1)
    clock.now = 1.9
    with pytest.raises(CircuitOpen):
        breaker.call(lambda: 7)


def test_only_one_trial_call_is_made_at_a_time() -> None:
    clock = FakeClock()
    breaker = CircuitBreaker(fail_max=1, rest_seconds=1, clock=clock)
    break_it(breaker, 1)
    clock.now = 1.0

    def trying() -> str:
        with pytest.raises(CircuitOpen):
            breaker.call(lambda: "a second try")
        return "first"

    assert breaker.call(trying) == "first"


def test_calls_run_concurrently() -> None:
    breaker, together = CircuitBreaker(), threading.Barrier(4)
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(breaker.call, together.wait, 5) for _ in range(4)]
        assert sorted(call.result() for call in calls) == [0, 1, 2, 3]
