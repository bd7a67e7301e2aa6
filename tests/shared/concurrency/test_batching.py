"""What gathers while one batch runs is the next; each waits for its own result only."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from shared.concurrency.batching import Batcher
from shared.core.errors import ServiceUnavailable


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
    assert batcher.submit(21, begin_within_seconds=5) == 42
    batcher.stop()


def test_what_gathers_is_done_together_and_no_more_than_fit() -> None:
    kitchen = Kitchen()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", max_size=8, workers=1)
    batcher.start()

    def submit(number: int) -> int:
        return batcher.submit(number, begin_within_seconds=5)

    with ThreadPoolExecutor(21) as pool:
        first = pool.submit(submit, 0)
        assert kitchen.entered.wait(5)
        rest = [pool.submit(submit, number) for number in range(1, 21)]
        wait_until(lambda: len(batcher._waiting) == 20)
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
        assert sorted(pool.map(lambda item: batcher.submit(item, begin_within_seconds=5), (1, 2))) == [1, 2]
    batcher.stop()


def test_an_error_reaches_all_of_its_batch_and_no_other() -> None:
    def process(items: list[int]) -> list[int]:
        if 13 in items:
            raise ValueError("unlucky")
        return items

    batcher: Batcher[int, int] = Batcher(process, name="test", workers=1)
    batcher.start()
    with pytest.raises(ValueError, match="unlucky"):
        batcher.submit(13, begin_within_seconds=5)
    assert batcher.submit(14, begin_within_seconds=5) == 14
    batcher.stop()


def test_an_error_of_one_is_raised_to_that_one() -> None:
    def process(items: list[int]) -> list[int | Exception]:
        return [ValueError("unlucky") if item == 13 else item for item in items]

    batcher: Batcher[int, int] = Batcher(process, name="test", workers=1)
    results: dict[int, object] = {}

    def submit(item: int) -> None:
        try:
            results[item] = batcher.submit(item, begin_within_seconds=5)
        except ValueError as error:
            results[item] = str(error)

    with ThreadPoolExecutor(3) as pool:
        for item in (12, 13, 14):
            pool.submit(submit, item)
        wait_until(lambda: len(batcher._waiting) == 3)
        batcher.start()
    batcher.stop()
    assert results == {12: 12, 13: "unlucky", 14: 14}


def test_a_result_too_few_is_an_error_of_that_batch_and_work_goes_on() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: items if items == [2] else [], name="test", workers=1)
    batcher.start()
    with pytest.raises(RuntimeError, match="1 items came back as 0 results"):
        batcher.submit(1, begin_within_seconds=5)
    assert batcher.submit(2, begin_within_seconds=5) == 2
    batcher.stop()


def test_what_has_not_begun_in_time_is_refused_and_never_done() -> None:
    kitchen = Kitchen()
    kitchen.door.set()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", workers=1)
    with pytest.raises(ServiceUnavailable):
        batcher.submit(1, begin_within_seconds=0.01)
    batcher.start()
    assert batcher.submit(2, begin_within_seconds=5) == 4
    batcher.stop()
    assert kitchen.batches == [[2]]


def test_what_has_begun_is_waited_for() -> None:
    kitchen = Kitchen()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", workers=1)
    batcher.start()
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(batcher.submit, 1, begin_within_seconds=0.2)
        assert kitchen.entered.wait(5)
        assert not wait([result], timeout=0.3).done
        kitchen.door.set()
        assert result.result(5) == 2
    batcher.stop()


def test_a_queue_that_has_grown_too_long_takes_no_more() -> None:
    kitchen = Kitchen()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", max_size=1, workers=1, most_waiting=16)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(batcher.submit_all, range(17), begin_within_seconds=5)
        wait_until(lambda: len(batcher._waiting) == 17)
        began_at = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            batcher.submit(99, begin_within_seconds=5)
        assert time.monotonic() - began_at < 4
        kitchen.door.set()
        batcher.start()
        assert waiting.result(5) == [number * 2 for number in range(17)]
    batcher.stop()


def test_several_are_submitted_at_once_and_each_gets_its_own_result() -> None:
    def process(items: list[int]) -> list[int | Exception]:
        return [ValueError("unlucky") if item == 13 else item * 2 for item in items]

    batcher: Batcher[int, int] = Batcher(process, name="test")
    batcher.start()
    first, second, third = batcher.submit_all([12, 13, 14], begin_within_seconds=5)
    assert (first, str(second), third) == (24, "unlucky", 28)
    batcher.stop()


def test_work_goes_on_after_all_that_waited_have_gone() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: items, name="test", workers=1, patience_seconds=0.2)
    batcher.start()
    batcher._crowd, batcher._crowd_at = 1_000.0, time.monotonic()
    with pytest.raises(ServiceUnavailable):
        batcher.submit(1, begin_within_seconds=0.01)
    time.sleep(0.3)
    assert batcher.submit(2, begin_within_seconds=5) == 2
    batcher.stop()


def test_stopping_finishes_what_was_submitted() -> None:
    kitchen = Kitchen()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", max_size=4, workers=2)
    with ThreadPoolExecutor(10) as pool:
        results = [pool.submit(batcher.submit, number, begin_within_seconds=5) for number in range(10)]
        wait_until(lambda: len(batcher._waiting) == 10)
        batcher.start()
        kitchen.door.set()
        batcher.stop()
        assert [result.result(5) for result in results] == [number * 2 for number in range(10)]


def test_in_a_crowd_a_batch_gathers_its_fair_share() -> None:
    sizes: list[int] = []

    def process(items: list[int]) -> list[int]:
        sizes.append(len(items))
        time.sleep(0.01)
        return items

    batcher: Batcher[int, int] = Batcher(process, name="test", patience_seconds=1.0)
    batcher.start()

    def submit_often(number: int) -> None:
        for _ in range(20):
            batcher.submit(number, begin_within_seconds=5)

    with ThreadPoolExecutor(30) as pool:
        list(pool.map(submit_often, range(30)))
    batcher.stop()
    assert sum(sizes) == 600
    assert len(sizes) < 600 / 5


def test_a_crowd_is_forgotten_with_time_and_by_who_has_waited_for_it_in_vain() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: items, name="test", patience_seconds=0.5)
    batcher.start()
    for crowd_seconds_ago, least, most in ((10, 0.0, 0.3), (0, 0.5, 3.0), (0, 0.0, 0.3)):
        if least or crowd_seconds_ago:
            batcher._crowd, batcher._crowd_at = 1_000.0, time.monotonic() - crowd_seconds_ago
        began_at = time.monotonic()
        batcher.submit(1, begin_within_seconds=5)
        assert least <= time.monotonic() - began_at < most
    batcher.stop()


def test_a_crowd_is_shared_out_between_the_workers() -> None:
    kitchen = Kitchen()
    kitchen.door.set()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", workers=2)
    with ThreadPoolExecutor(1) as pool:
        results = pool.submit(batcher.submit_all, range(30), begin_within_seconds=5)
        wait_until(lambda: len(batcher._waiting) == 30)
        batcher.start()
        assert results.result() == [number * 2 for number in range(30)]
    batcher.stop()
    assert max(len(batch) for batch in kitchen.batches) == 15


def test_without_patience_a_batch_is_all_that_waits() -> None:
    kitchen = Kitchen()
    kitchen.door.set()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", workers=2, patience_seconds=0.0)
    with ThreadPoolExecutor(1) as pool:
        results = pool.submit(batcher.submit_all, range(30), begin_within_seconds=5)
        wait_until(lambda: len(batcher._waiting) == 30)
        batcher.start()
        results.result()
    batcher.stop()
    assert [len(batch) for batch in kitchen.batches] == [30]


def test_who_does_not_wait_is_called_with_the_result_or_the_error() -> None:
    def process(items: list[int]) -> list[int | Exception]:
        return [ValueError("unlucky") if item == 13 else item for item in items]

    batcher: Batcher[int, int] = Batcher(process, name="test")
    batcher.start()
    told: list[str] = []
    for item in (12, 13, 14):
        batcher.submit_later(item, lambda result: told.append(str(result)), begin_within_seconds=5)
    batcher.submit_later(15, lambda _result: 1 / 0, begin_within_seconds=5)  # type: ignore[arg-type]  # it fails
    assert batcher.submit(16, begin_within_seconds=5) == 16
    batcher.stop()
    assert sorted(told) == ["12", "14", "unlucky"]


def test_who_does_not_wait_hears_when_it_is_not_begun_in_time() -> None:
    kitchen = Kitchen()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", workers=1)
    batcher.start()
    told: list[object] = []
    batcher.submit_later(1, told.append, begin_within_seconds=0)
    assert kitchen.entered.wait(5)
    batcher.submit_later(2, told.append, begin_within_seconds=60)
    batcher.submit_later(3, told.append, begin_within_seconds=0)
    batcher.expire()
    assert [type(result) for result in told] == [ServiceUnavailable]
    kitchen.door.set()
    batcher.stop()
    assert told[1:] == [2, 4]
    assert kitchen.batches == [[1], [2]]


def test_who_does_not_wait_is_refused_when_too_much_waits_already() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: items, name="test", most_waiting=16)
    for number in range(17):
        batcher.submit_later(number, lambda _result: None, begin_within_seconds=5)
    with pytest.raises(ServiceUnavailable):
        batcher.submit_later(0, lambda _result: None, begin_within_seconds=5)
