"""Items that arrive while a batch runs form the next batch; each caller waits for its own result only."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from shared.concurrency.batching import Batcher
from shared.core.errors import ServiceUnavailable

pytestmark = pytest.mark.timing


class Kitchen:
    """A batch function that doubles each item; its first batch waits until the door is opened."""

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


def test_a_lone_item_runs_immediately() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: [item * 2 for item in items], name="test")
    batcher.start()
    assert batcher.submit(21, begin_within_seconds=5) == 42
    batcher.stop()


def test_queued_items_are_processed_together_up_to_the_maximum_size() -> None:
    kitchen = Kitchen()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", max_size=8, workers=1)
    batcher.start()

    def submit(number: int) -> int:
        return batcher.submit(number, begin_within_seconds=5)

    with ThreadPoolExecutor(21) as pool:
        first = pool.submit(submit, 0)
        assert kitchen.entered.wait(5)
        rest = [pool.submit(submit, number) for number in range(1, 21)]
        wait_until(lambda: batcher.waiting == 20)
        kitchen.door.set()
        assert first.result() == 0
        assert [future.result() for future in rest] == [number * 2 for number in range(1, 21)]
    batcher.stop()
    assert [len(batch) for batch in kitchen.batches] == [1, 8, 8, 4]


def test_workers_run_batches_concurrently() -> None:
    together = threading.Barrier(2)

    def process(items: list[int]) -> list[int]:
        together.wait(5)
        return items

    batcher: Batcher[int, int] = Batcher(process, name="test", max_size=1, workers=2)
    batcher.start()
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(lambda item: batcher.submit(item, begin_within_seconds=5), (1, 2))) == [1, 2]
    batcher.stop()


def test_an_exception_of_a_batch_is_raised_for_all_of_its_items_only() -> None:
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


def test_an_exception_as_a_result_is_raised_for_its_item_only() -> None:
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
        wait_until(lambda: batcher.waiting == 3)
        batcher.start()
    batcher.stop()
    assert results == {12: 12, 13: "unlucky", 14: 14}


def test_a_missing_result_fails_its_batch_and_later_batches_run() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: items if items == [2] else [], name="test", workers=1)
    batcher.start()
    with pytest.raises(RuntimeError, match="the batch function returned 0 results for 1 items"):
        batcher.submit(1, begin_within_seconds=5)
    assert batcher.submit(2, begin_within_seconds=5) == 2
    batcher.stop()


def test_an_item_that_is_not_started_in_time_is_never_processed() -> None:
    kitchen = Kitchen()
    kitchen.door.set()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", workers=1)
    with pytest.raises(ServiceUnavailable):
        batcher.submit(1, begin_within_seconds=0.01)
    batcher.start()
    assert batcher.submit(2, begin_within_seconds=5) == 4
    batcher.stop()
    assert kitchen.batches == [[2]]


def test_a_started_item_is_waited_for_beyond_its_deadline() -> None:
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


def test_a_full_queue_refuses_items() -> None:
    kitchen = Kitchen()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", max_size=1, workers=1, max_waiting=16)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(batcher.submit_all, range(17), begin_within_seconds=5)
        wait_until(lambda: batcher.waiting == 17)
        began_at = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            batcher.submit(99, begin_within_seconds=5)
        assert time.monotonic() - began_at < 4
        kitchen.door.set()
        batcher.start()
        assert waiting.result(5) == [number * 2 for number in range(17)]
    batcher.stop()


def test_several_items_of_one_call_get_their_own_results() -> None:
    def process(items: list[int]) -> list[int | Exception]:
        return [ValueError("unlucky") if item == 13 else item * 2 for item in items]

    batcher: Batcher[int, int] = Batcher(process, name="test")
    batcher.start()
    first, second, third = batcher.submit_all([12, 13, 14], begin_within_seconds=5)
    assert (first, str(second), third) == (24, "unlucky", 28)
    batcher.stop()


def test_batches_run_after_all_queued_items_were_withdrawn() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: items, name="test", workers=1, patience_seconds=0.2)
    batcher.start()
    batcher.submit_all(range(1000), begin_within_seconds=5)
    with pytest.raises(ServiceUnavailable):
        batcher.submit(1, begin_within_seconds=0.01)
    time.sleep(0.3)
    assert batcher.submit(2, begin_within_seconds=5) == 2
    batcher.stop()


def test_stopping_processes_all_queued_items() -> None:
    kitchen = Kitchen()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", max_size=4, workers=2)
    with ThreadPoolExecutor(10) as pool:
        results = [pool.submit(batcher.submit, number, begin_within_seconds=5) for number in range(10)]
        wait_until(lambda: batcher.waiting == 10)
        batcher.start()
        kitchen.door.set()
        batcher.stop()
        assert [result.result(5) for result in results] == [number * 2 for number in range(10)]


def test_under_load_a_worker_waits_for_a_fair_share() -> None:
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


def test_the_load_decays_and_is_reset_by_a_worker_that_waited_in_vain() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: items, name="test", patience_seconds=0.5)
    batcher.start()
    for has_load, pause_seconds, least, most in ((True, 0.8, 0.0, 0.45), (True, 0, 0.5, 3.0), (False, 0, 0.0, 0.45)):
        if has_load:
            batcher.submit_all(range(1000), begin_within_seconds=5)
        time.sleep(pause_seconds)
        began_at = time.monotonic()
        batcher.submit(1, begin_within_seconds=5)
        assert least <= time.monotonic() - began_at < most
    batcher.stop()


def test_the_load_is_divided_between_the_workers() -> None:
    kitchen = Kitchen()
    kitchen.door.set()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", workers=2)
    with ThreadPoolExecutor(1) as pool:
        results = pool.submit(batcher.submit_all, range(30), begin_within_seconds=5)
        wait_until(lambda: batcher.waiting == 30)
        batcher.start()
        assert results.result() == [number * 2 for number in range(30)]
    batcher.stop()
    assert max(len(batch) for batch in kitchen.batches) == 15


def test_without_patience_a_batch_takes_all_queued_items() -> None:
    kitchen = Kitchen()
    kitchen.door.set()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", workers=2, patience_seconds=0.0)
    with ThreadPoolExecutor(1) as pool:
        results = pool.submit(batcher.submit_all, range(30), begin_within_seconds=5)
        wait_until(lambda: batcher.waiting == 30)
        batcher.start()
        results.result()
    batcher.stop()
    assert [len(batch) for batch in kitchen.batches] == [30]


def test_a_callback_gets_the_result_or_the_exception() -> None:
    def process(items: list[int]) -> list[int | Exception]:
        return [ValueError("unlucky") if item == 13 else item for item in items]

    batcher: Batcher[int, int] = Batcher(process, name="test")
    batcher.start()
    told: list[str] = []
    for item in (12, 13, 14):
        batcher.submit_nowait(item, lambda result: told.append(str(result)), begin_within_seconds=5)
    batcher.submit_nowait(15, lambda _result: 1 / 0, begin_within_seconds=5)  # type: ignore[arg-type]  # it fails
    assert batcher.submit(16, begin_within_seconds=5) == 16
    batcher.stop()
    assert sorted(told) == ["12", "14", "unlucky"]


def test_a_callback_is_called_when_its_item_expires() -> None:
    kitchen = Kitchen()
    batcher: Batcher[int, int] = Batcher(kitchen.cook, name="test", workers=1)
    batcher.start()
    told: list[object] = []
    batcher.submit_nowait(1, told.append, begin_within_seconds=0)
    assert kitchen.entered.wait(5)
    batcher.submit_nowait(2, told.append, begin_within_seconds=60)
    batcher.submit_nowait(3, told.append, begin_within_seconds=0)
    batcher.expire()
    assert [type(result) for result in told] == [ServiceUnavailable]
    kitchen.door.set()
    batcher.stop()
    assert told[1:] == [2, 4]
    assert kitchen.batches == [[1], [2]]


def test_submit_nowait_is_refused_when_the_queue_is_full() -> None:
    batcher: Batcher[int, int] = Batcher(lambda items: items, name="test", max_waiting=16)
    for number in range(17):
        batcher.submit_nowait(number, lambda _result: None, begin_within_seconds=5)
    with pytest.raises(ServiceUnavailable):
        batcher.submit_nowait(0, lambda _result: None, begin_within_seconds=5)
