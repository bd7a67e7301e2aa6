"""Batching: items that arrive while a batch runs are processed together in the next batch."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from shared.core.errors import ServiceUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")
MAX_WAITING = 2048
MAX_SIZE = 128
LOAD_HALF_LIFE_SECONDS = 0.05
_log = logging.getLogger(__name__)


class _QueuedItem(Generic[Item, Result]):
    """An item with the callback for its result. It is not started after `deadline`, a monotonic time."""

    __slots__ = ("callback", "deadline", "item", "started")

    def __init__(self, item: Item, callback: Callable[[Result | Exception], None], deadline: float) -> None:
        self.item, self.callback, self.deadline = item, callback, deadline
        self.started = False


class _Slot(Generic[Result]):
    """The result of one item. A thread waits for it by acquiring `ready`, which costs less than an Event."""

    __slots__ = ("ready", "result")

    def __init__(self) -> None:
        self.result: Result | Exception | None = None
        self.ready = threading.Lock()
        self.ready.acquire()

    def fill(self, result: Result | Exception) -> None:
        self.result = result
        self.ready.release()


class Batcher(Generic[Item, Result]):
    """Passes queued items to `process` in batches: one item when idle, up to `max_size` under load.

    `process` takes a list of items and returns their results in the same order. A result that is an exception is raised
    in the thread that waits for that item. An exception that `process` raises is raised in all threads of the batch.
    Several workers run batches concurrently, so that one can wait for the network while another prepares a batch.

    A batch costs about the same for one item as for many. A lone item runs immediately. Under load a worker waits up to
    `patience_seconds` to fill its batch to a fair share: the recent load divided by the number of workers, so that the
    batches of all workers have about the same size. The load is the highest number of items queued and in progress;
    it decays by half in LOAD_HALF_LIFE_SECONDS, and is reset when a worker has waited for a full share in vain. With
    `patience_seconds=0` a batch takes all queued items.
    """

    def __init__(
        self,
        process: Callable[[list[Item]], Sequence[Result | Exception]],
        *,
        name: str,
        max_size: int = MAX_SIZE,
        workers: int = 2,
        patience_seconds: float = 0.02,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._process = process
        self._max_waiting = max_waiting
        self._max_size, self._patience_seconds = max_size, patience_seconds
        self._queue: deque[_QueuedItem[Item, Result]] = deque()
        self._changed = threading.Condition()
        self._collecting = threading.Lock()
        self._in_progress = 0
        self._load = 1.0
        self._load_at = time.monotonic()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True) for number in range(workers)
        ]

    def start(self) -> None:
        """Start the worker threads."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """Process all queued items, then stop the workers. `timeout_seconds` limits the wait for each worker."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout_seconds)

    @property
    def waiting(self) -> int:
        """Return the number of queued items."""
        return len(self._queue)

    def submit(self, item: Item, *, begin_within_seconds: float) -> Result:
        """Queue an item and wait for its result.

        Raises ServiceUnavailable when the queue is full or when processing has not started in time. The item is then
        removed from the queue and never processed. Raises the item's result if that is an exception.
        """
        (result,) = self.submit_all([item], begin_within_seconds=begin_within_seconds)
        if isinstance(result, Exception):
            raise result
        return result

    def submit_all(self, items: Sequence[Item], *, begin_within_seconds: float) -> list[Result | Exception]:
        """Queue several items and wait for their results. Where `submit` raises, the result is the exception."""
        slots: list[_Slot[Result]] = [_Slot() for _ in items]
        deadline = time.monotonic() + begin_within_seconds
        queued: list[_QueuedItem[Item, Result]] = [
            _QueuedItem(item, slot.fill, deadline) for item, slot in zip(items, slots, strict=True)
        ]
        if not self._add(queued):
            return [ServiceUnavailable(retry_after_seconds=1) for _ in items]
        return [self._result(one, slot) for one, slot in zip(queued, slots, strict=True)]

    def submit_nowait(
        self, item: Item, callback: Callable[[Result | Exception], None], *, begin_within_seconds: float
    ) -> None:
        """Queue an item and return. A worker thread later calls `callback` with the result or the exception.

        Raises ServiceUnavailable when the queue is full. `expire` must be called regularly to enforce the deadline.
        """
        if not self._add([_QueuedItem(item, callback, time.monotonic() + begin_within_seconds)]):
            raise ServiceUnavailable(retry_after_seconds=1)

    def expire(self) -> None:
        """Remove the items whose deadline has passed and call their callbacks with ServiceUnavailable.

        Call it periodically when `submit_nowait` is used.
        """
        now = time.monotonic()
        with self._changed:
            expired = [queued for queued in self._queue if queued.deadline <= now]
            self._queue = deque(queued for queued in self._queue if queued.deadline > now)
        for queued in expired:
            _deliver(queued, ServiceUnavailable(retry_after_seconds=1))

    def _add(self, queued: list[_QueuedItem[Item, Result]]) -> bool:
        with self._changed:
            if len(self._queue) > self._max_waiting:
                return False
            was_idle = not self._queue
            self._queue.extend(queued)
            if was_idle or self._has_fair_share():
                self._changed.notify()
        return True

    def _result(self, queued: _QueuedItem[Item, Result], slot: _Slot[Result]) -> Result | Exception:
        if not slot.ready.acquire(timeout=max(0.0, queued.deadline - time.monotonic())):
            with self._changed:
                if not queued.started and queued in self._queue:
                    self._queue.remove(queued)
                    return ServiceUnavailable(retry_after_seconds=1)
            slot.ready.acquire()
        return slot.result  # type: ignore[return-value]  # the result is set before `ready` is released

    def _fair_share(self) -> int:
        return math.ceil(self._load / len(self._threads))

    def _batch_size(self) -> int:
        return min(self._max_size, self._fair_share()) if self._patience_seconds else self._max_size

    def _has_fair_share(self) -> bool:
        return self._stopping or len(self._queue) >= self._fair_share()

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            if not batch and self._stopping:
                return
            self._process_batch(batch)
            with self._changed:
                self._in_progress -= len(batch)

    def _next_batch(self) -> list[_QueuedItem[Item, Result]]:
        """Wait for items and return the next batch. It is empty when all items were withdrawn or the batcher stops."""
        with self._collecting, self._changed:  # one worker collects at a time, so that batches are large
            self._changed.wait_for(lambda: self._queue or self._stopping)
            self._update_load()
            if not self._changed.wait_for(self._has_fair_share, self._patience_seconds):
                self._load = 1.0
            self._update_load()
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._batch_size()))]
            for queued in batch:
                queued.started = True
            self._in_progress += len(batch)
            return batch

    def _update_load(self) -> None:
        """Update the recent load from the decayed previous value and the current number of items."""
        now = time.monotonic()
        decayed = self._load * 0.5 ** ((now - self._load_at) / LOAD_HALF_LIFE_SECONDS)
        self._load, self._load_at = max(1.0, decayed, self._in_progress + len(self._queue)), now

    def _process_batch(self, batch: list[_QueuedItem[Item, Result]]) -> None:
        results: list[Result | Exception] = []
        try:
            results = self._results([queued.item for queued in batch])
        except Exception as error:
            results = [error] * len(batch)
        for queued, result in zip(batch, results, strict=True):
            _deliver(queued, result)

    def _results(self, items: list[Item]) -> list[Result | Exception]:
        results = list(self._process(items)) if items else []
        if len(results) != len(items):
            raise RuntimeError(f"the batch function returned {len(results)} results for {len(items)} items")
        return results


def _deliver(queued: _QueuedItem[Item, Result], result: Result | Exception) -> None:
    try:
        queued.callback(result)
    except Exception:
        _log.exception("the callback of a batched item failed")
