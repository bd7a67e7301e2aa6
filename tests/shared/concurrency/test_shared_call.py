import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from shared.concurrency import shared_call
from shared.concurrency.shared_call import SharedCall
from shared.core.errors import Refused, ServiceUnavailable
from tests.support.processes import eventually

CROWD = 6


class Office:
    """A crowd that shares a call, which takes until the test ends it."""

    def __init__(self, pool: ThreadPoolExecutor, call: SharedCall) -> None:
        self.numbers = itertools.count(1)
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.asked: list[Future[int]] = [pool.submit(call.run, self._work)]
        assert self.has_begun.wait(10)
        self.asked += [pool.submit(call.run, self._work) for _ in range(CROWD - 1)]

    def _work(self) -> int:
        self.has_begun.set()
        assert self.may_end.wait(10)
        return next(self.numbers)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(CROWD) as pool:
        yield pool


def test_a_crowd_shares_one_call(pool: ThreadPoolExecutor) -> None:
    office = Office(pool, SharedCall())
    office.may_end.set()
    assert {asked.result(10) for asked in office.asked} <= {1, 2}  # who comes after its end begins another


def test_the_next_one_gets_a_call_of_its_own_also_after_an_error() -> None:
    def fail() -> int:
        raise Refused

    call, numbers = SharedCall(), itertools.count(1)
    assert call.run(lambda: next(numbers)) == 1
    with pytest.raises(Refused):
        call.run(fail)
    assert call.run(lambda: next(numbers)) == 2


def test_when_too_many_wait_the_next_gets_the_result_before(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_call, "MAX_WAITING", CROWD - 2)
    call = SharedCall()
    call.run(lambda: -1)
    office = Office(pool, call)
    eventually(lambda: any(asked.done() for asked in office.asked))
    office.may_end.set()
    assert sorted(asked.result(10) for asked in office.asked) == [-1] + [1] * (CROWD - 1)


def test_when_too_many_wait_for_the_first_call_the_next_is_refused(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_call, "MAX_WAITING", CROWD - 2)
    office = Office(pool, SharedCall())
    eventually(lambda: any(asked.done() for asked in office.asked))
    office.may_end.set()
    refused = [error for asked in office.asked if (error := asked.exception(10))]
    assert [type(error) for error in refused] == [ServiceUnavailable]
