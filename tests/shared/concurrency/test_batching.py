"""Items that arrive while a batch runs form the next batch; an item that is not processed is refused, once."""

import threading
import time
from collections.abc import Callable

import pytest

from shared.concurrency.batching import Batcher
from shared.core.errors import ServiceUnavailable

pytestmark = pytest.mark.timing


class BatchRecorder:
    """A batch function that keeps the batches it gets; they wait for `may_run`. It fails for the item 13."""

    def __init__(self) -> None:
        self.may_run = threading.Event()
        self.started = threading.Event()
        self.batches: list[list[int]] = []
        self.refused: list[tuple[int, str]] = []

    @property
    def processed(self) -> list[int]:
        return [item for batch in self.batches for item in batch]

    def process(self, items: list[int]) -> None:
        self.batches.append(items)
        self.started.set()
        assert self.may_run.wait(5)
        if 13 in items:
            raise ValueError("unlucky")

    def refuse(self, item: int, error: Exception) -> None:
        self.refused.append((item, type(error).__name__))


@pytest.fixture
def recorder() -> BatchRecorder:
    return BatchRecorder()


@pytest.fixture
def unblocked(recorder: BatchRecorder) -> BatchRecorder:
    """Return a recorder whose batches do not wait."""
    recorder.may_run.set()
    return recorder


def start_batch(batcher: Batcher[int], recorder: BatchRecorder, item: int) -> None:
    """Submit an item in a thread, and wait until its batch runs."""
    threading.Thread(target=batcher.submit, args=(item,)).start()
    assert recorder.started.wait(5)


def start_when_idle(batcher: Batcher[int]) -> None:
    """Start a batcher, and give its workers the time to become idle."""
    batcher.start()
    time.sleep(0.1)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_lone_item_runs_immediately(unblocked: BatchRecorder) -> None:
    batcher = Batcher(unblocked.process, unblocked.refuse, name="test", max_wait_seconds=60)
    start_when_idle(batcher)
    for number in range(3):
        batcher.submit(number)
        assert unblocked.batches[number:] == [[number]]
    batcher.stop()


def test_an_item_beside_a_running_one_goes_to_a_worker(recorder: BatchRecorder) -> None:
    batcher = Batcher(recorder.process, recorder.refuse, name="test")
    start_when_idle(batcher)
    start_batch(batcher, recorder, 1)
    batcher.submit(2)
    wait_until(lambda: recorder.batches == [[1], [2]])
    recorder.may_run.set()
    batcher.stop()


def test_queued_items_are_processed_together_up_to_the_maximum_size(recorder: BatchRecorder) -> None:
    batcher = Batcher(recorder.process, recorder.refuse, name="test", max_size=8, workers=1)
    batcher.start()
    start_batch(batcher, recorder, 0)
    for number in range(1, 21):
        batcher.submit(number)
    assert batcher.waiting == 20
    recorder.may_run.set()
    batcher.stop()
    assert [len(batch) for batch in recorder.batches] == [1, 8, 8, 4]
    assert recorder.processed == list(range(21))


def test_workers_run_batches_concurrently() -> None:
    together, refused = threading.Barrier(2), list[int]()
    batcher: Batcher[int] = Batcher(
        lambda _items: together.wait(5), lambda item, _error: refused.append(item), name="test", max_size=1
    )
    batcher.submit(1)
    batcher.submit(2)
    batcher.start()
    batcher.stop()
    assert not refused


def test_a_batch_that_fails_is_refused_and_later_batches_run(unblocked: BatchRecorder) -> None:
    batcher = Batcher(unblocked.process, unblocked.refuse, name="test", max_size=2, workers=1)
    for item in (12, 13, 14, 15):
        batcher.submit(item)
    batcher.start()
    batcher.stop()
    assert unblocked.refused == [(12, "ValueError"), (13, "ValueError")]
    assert unblocked.batches == [[12, 13], [14, 15]]


def test_an_item_whose_refusal_fails_does_not_stop_the_worker(unblocked: BatchRecorder) -> None:
    def refuse(item: int, error: Exception) -> None:
        unblocked.refuse(item, error)
        raise RuntimeError("nobody listens")

    batcher = Batcher(unblocked.process, refuse, name="test", max_size=2, workers=1)
    for item in (12, 13, 14):
        batcher.submit(item)
    batcher.start()
    batcher.stop()
    assert [item for item, _error in unblocked.refused] == [12, 13]
    assert unblocked.batches == [[12, 13], [14]]


def test_an_expired_item_is_refused_and_never_processed(unblocked: BatchRecorder) -> None:
    batcher = Batcher(unblocked.process, unblocked.refuse, name="test", begin_within_seconds=0.05)
    batcher.submit(1)
    batcher.expire()
    assert batcher.waiting == 1
    time.sleep(0.06)
    batcher.submit(2)
    batcher.expire()
    assert unblocked.refused == [(1, "ServiceUnavailable")]
    batcher.start()
    batcher.stop()
    assert unblocked.batches == [[2]]


def test_a_started_item_does_not_expire(recorder: BatchRecorder) -> None:
    batcher = Batcher(recorder.process, recorder.refuse, name="test", begin_within_seconds=0)
    batcher.start()
    start_batch(batcher, recorder, 1)
    batcher.expire()
    recorder.may_run.set()
    batcher.stop()
    assert (recorder.batches, recorder.refused) == ([[1]], [])


def test_a_full_queue_refuses_items(unblocked: BatchRecorder) -> None:
    batcher = Batcher(unblocked.process, unblocked.refuse, name="test", max_size=1, workers=1, max_waiting=12)
    for number in range(15):
        batcher.submit(number)
    assert unblocked.refused == [(number, ServiceUnavailable.__name__) for number in (12, 13, 14)]
    batcher.start()
    batcher.stop()
    assert unblocked.processed == list(range(12))


def test_batches_run_after_all_queued_items_have_expired(recorder: BatchRecorder) -> None:
    batcher = Batcher(recorder.process, recorder.refuse, name="test", begin_within_seconds=0, workers=1)
    batcher.start()
    start_batch(batcher, recorder, 1)
    for number in range(100):
        batcher.submit(number)
    batcher.expire()
    assert (len(recorder.refused), batcher.waiting) == (100, 0)
    recorder.may_run.set()
    batcher.submit(2)
    batcher.stop()
    assert recorder.batches == [[1], [2]]


def test_stopping_processes_all_queued_items(unblocked: BatchRecorder) -> None:
    batcher = Batcher(unblocked.process, unblocked.refuse, name="test", max_size=4)
    for number in range(10):
        batcher.submit(number)
    batcher.start()
    batcher.stop()
    assert sorted(unblocked.processed) == list(range(10))


def test_no_item_is_left_behind_by_many_submitting_threads(unblocked: BatchRecorder) -> None:
    batcher = Batcher(unblocked.process, unblocked.refuse, name="test", max_size=3, workers=3, max_wait_seconds=0.001)
    batcher.start()

    def submit(first: int) -> None:
        for number in range(first, first + 500):
            batcher.submit(number)

    threads = [threading.Thread(target=submit, args=(1000 * place,)) for place in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: len(unblocked.processed) + len(unblocked.refused) == 8 * 500)
    batcher.stop()
    assert len({*unblocked.processed}) + len(unblocked.refused) == 8 * 500


def test_under_load_a_worker_waits_for_a_fair_share() -> None:
    sizes: list[int] = []

    def answer(items: list[int]) -> None:
        """Let each client of the batch send its next item, as clients of a closed loop do."""
        sizes.append(len(items))
        time.sleep(0.01)
        for left in items:
            if left:
                batcher.submit(left - 1)

    batcher: Batcher[int] = Batcher(answer, lambda *_: None, name="test", max_wait_seconds=1.0)
    batcher.start()
    for _client in range(30):
        batcher.submit(19)
    wait_until(lambda: sum(sizes) == 600)
    batcher.stop()
    assert len(sizes) < 600 / 5


def test_the_load_decays_and_is_reset_by_a_worker_that_waited_in_vain(recorder: BatchRecorder) -> None:
    batcher = Batcher(recorder.process, recorder.refuse, name="test", max_wait_seconds=0.5)
    start_when_idle(batcher)

    def submit_many() -> None:
        recorder.may_run.clear()
        recorder.started.clear()
        start_batch(batcher, recorder, 0)
        expected = len(recorder.processed) + 1000
        for number in range(1000):
            batcher.submit(number + 100)
        recorder.may_run.set()
        wait_until(lambda: len(recorder.processed) == expected)

    def seconds_for_one() -> float:
        began_at, expected = time.monotonic(), len(recorder.processed) + 1
        batcher.submit(0)
        wait_until(lambda: len(recorder.processed) == expected)
        return time.monotonic() - began_at

    submit_many()
    time.sleep(0.8)
    assert seconds_for_one() < 0.45
    submit_many()
    assert 0.5 <= seconds_for_one() < 3
    assert seconds_for_one() < 0.45
    batcher.stop()


def test_the_load_is_divided_between_the_workers(unblocked: BatchRecorder) -> None:
    batcher = Batcher(unblocked.process, unblocked.refuse, name="test")
    for number in range(30):
        batcher.submit(number + 100)
    batcher.start()
    batcher.stop()
    assert max(len(batch) for batch in unblocked.batches) == 15


def test_without_patience_a_batch_takes_all_queued_items(unblocked: BatchRecorder) -> None:
    batcher = Batcher(unblocked.process, unblocked.refuse, name="test", max_wait_seconds=0.0)
    for number in range(30):
        batcher.submit(number + 100)
    batcher.start()
    batcher.stop()
    assert [len(batch) for batch in unblocked.batches] == [30]
