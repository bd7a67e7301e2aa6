"""What gathers while one batch runs is the next; each waits for its own result only."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.batching import Batcher
from shared.errors import ServiceUnavailable


class Kitchen:
    """Cooks doubles; its first batch waits for the door to be opened."""

    def __init__(self) -> None:
        self.door = threading.Event()
        self.entered = threading.Event()
        self.batches: list[list[int]] = []

    def cook(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        self.entered.set()
        assert self.door.wait(5)
        return [item * 2 for item in items]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_one_alone_is_not_kept_waiting() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: [item * 2 for item in items], name="test")
    batcher.start()
    assert batcher.submit(21, timeout_seconds=5) == 42
    batcher.stop()


def test_what_gathers_is_done_together_and_no_more_than_fit() -> None:
    kitchen = Kitchen()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", max_size=8, workers=1)
    batcher.start()
    with ThreadPoolExecutor(21) as pool:
        first = pool.submit(batcher.submit, 0, 5)
        assert kitchen.entered.wait(5)
        rest = [pool.submit(batcher.submit, number, 5) for number in range(1, 21)]
        wait_until(lambda: batcher._queue.qsize() == 20)
        kitchen.door.set()
        assert first.result() == 0
        assert [future.result() for future in rest] == [number * 2 for number in range(1, 21)]
    batcher.stop()
    assert [len(batch) for batch in kitchen.batches] == [1, 8, 8, 4]


def test_workers_work_side_by_side() -> None:
    together = threading.Barrier(2)

    def process(items: list[int]) -> list[int]:
        together.wait(5)
        return items

    batcher: Batcher[int, int] = Batcher(process, name="test", max_size=1, workers=2)
    batcher.start()
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(lambda item: batcher.submit(item, 5), (1, 2))) == [1, 2]
    batcher.stop()


def test_an_error_reaches_all_of_its_batch_and_no_other() -> None:
    def process(items: list[int]) -> list[int]:
        if 13 in items:
            raise ValueError("unlucky")
        return items

    batcher: Batcher[int, int] = Batcher(process, name="test", workers=1)
    batcher.start()
    with pytest.raises(ValueError, match="unlucky"):
        batcher.submit(13, 5)
    assert batcher.submit(14, 5) == 14
    batcher.stop()


def test_a_result_too_few_is_an_error_and_not_a_wrong_answer() -> None:
    batcher: Batcher[int, int] = Batcher(lambda _items: [], name="test", workers=1)
    batcher.start()
    with pytest.raises(ValueError, match="zip"):
        batcher.submit(1, 5)
    batcher.stop()


def test_who_waits_too_long_is_let_go_and_the_work_goes_on() -> None:
    kitchen = Kitchen()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", workers=1)
    batcher.start()
    with pytest.raises(TimeoutError):
        batcher.submit(1, timeout_seconds=0.01)
    kitchen.door.set()
    batcher.stop()
    assert kitchen.batches == [[1]]


def test_a_queue_that_has_grown_too_long_takes_no_more() -> None:
    kitchen = Kitchen()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", max_size=1, workers=1)
    for number in range(17):
        with pytest.raises(TimeoutError):
            batcher.submit(number, timeout_seconds=0)
    with pytest.raises(ServiceUnavailable):
        batcher.submit(17, timeout_seconds=0)


def test_stopping_finishes_what_was_submitted() -> None:
    kitchen = Kitchen()
    kitchen.door.set()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", max_size=4, workers=2)
    for number in range(10):
        with pytest.raises(TimeoutError):
            batcher.submit(number, timeout_seconds=0)
    batcher.start()
    batcher.stop()
    assert sorted(item for batch in kitchen.batches for item in batch) == list(range(10))
