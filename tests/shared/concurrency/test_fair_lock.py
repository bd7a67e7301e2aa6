"""The lock is given in order, waiting is limited, and no waiting thread is forgotten."""

import threading
import time

import pytest

from shared.concurrency.fair_lock import FairLock
from shared.core.errors import ServiceUnavailable

pytestmark = pytest.mark.timing


def wait_for_waiters(lock: FairLock, count: int) -> None:
    deadline = time.monotonic() + 5
    while lock.waiting < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_the_lock_is_given_in_the_order_of_the_requests() -> None:
    lock, order, threads = FairLock(), [], []

    def take(number: int) -> None:
        with lock.hold(5):
            order.append(number)

    with lock.hold(5):
        for number in range(20):
            threads.append(threading.Thread(target=take, args=(number,)))
            threads[-1].start()
            wait_for_waiters(lock, number + 1)
    for thread in threads:
        thread.join(5)
    assert order == list(range(20))


def test_only_one_thread_holds_the_lock() -> None:
    lock, inside, worst = FairLock(), [0], [0]

    def work() -> None:
        for _ in range(50):
            with lock.hold(10):
                inside[0] += 1
                worst[0] = max(worst[0], inside[0])
                time.sleep(0)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert worst == [1]


def test_a_thread_that_waits_too_long_is_refused_and_leaves_the_queue() -> None:
    lock = FairLock()
    with lock.hold(1):
        with pytest.raises(ServiceUnavailable) as refused, lock.hold(0.01):
            pytest.fail("two hold the lock")
        assert refused.value.retry_after_seconds == 1
    with lock.hold(0.01):
        assert lock.waiting == 0


def test_an_exception_in_the_block_releases_the_lock() -> None:
    lock = FairLock()
    with pytest.raises(ZeroDivisionError), lock.hold(1):
        raise ZeroDivisionError
    with lock.hold(0.01):
        pass


def test_a_lock_given_just_after_the_timeout_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock may be passed to a thread after its wait has timed out and before it leaves the queue."""
    lock = FairLock()

    class LateTurn(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            super().wait(5)
            return False

    with lock.hold(1):
        monkeypatch.setattr("shared.concurrency.fair_lock.threading.Event", LateTurn)
        refusals: list[Exception] = []

        def wait() -> None:
            try:
                with lock.hold(0.01):
                    pass
            except ServiceUnavailable as error:
                refusals.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        wait_for_waiters(lock, 1)
        monkeypatch.undo()
    thread.join(5)
    assert len(refusals) == 1
    with lock.hold(0.01):
        pass


def test_as_many_threads_as_the_capacity_hold_the_lock() -> None:
    lock = FairLock(capacity=2)
    with lock.hold(0.01), lock.hold(0.01), pytest.raises(ServiceUnavailable), lock.hold(0.01):
        pass
    with lock.hold(0.01), lock.hold(0.01):
        pass


def test_the_next_thread_is_refused_when_the_queue_is_full() -> None:
    lock = FairLock(max_waiting=1)

    def wait() -> None:
        with lock.hold(10):
            pass

    waiter = threading.Thread(target=wait)
    with lock.hold(10):
        waiter.start()
        wait_for_waiters(lock, 1)
        began_at = time.monotonic()
        with pytest.raises(ServiceUnavailable), lock.hold(10):
            pass
        assert time.monotonic() - began_at < 5
    waiter.join(10)
