"""Batching: items that arrive while a batch runs are processed together in the next batch."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from shared.core.errors import ServiceUnavailable

Item = TypeVar("Item")
MAX_WAITING = 2048
MAX_SIZE = 128
LOAD_HALF_LIFE_SECONDS = 0.05
_log = logging.getLogger(__name__)


class Batcher(Generic[Item]):
    """Passes queued items to `process` in batches: one item when idle, up to `max_size` under load.

    `refuse` gets each item that was not processed, with the reason: ServiceUnavailable when the queue is full or no
    batch has taken the item within `begin_within_seconds`, or the exception that `process` raised for its batch.
    Several workers run batches concurrently, so that one can wait for the network while another prepares a batch.

    A batch costs about the same for one item as for many. A lone item runs immediately, in the thread that submits it.
    Under load a worker waits up to `max_wait_seconds` to fill its batch to a fair share: the recent load divided by the
    number of workers, so that the batches of all workers have about the same size. The load is the highest number of
    items queued and in progress; it decays by half in LOAD_HALF_LIFE_SECONDS, and is reset when a worker has waited for
    a full share in vain. With `max_wait_seconds=0` a batch takes all queued items.
    """

    def __init__(
        self,
        process: Callable[[list[Item]], object],
        refuse: Callable[[Item, Exception], object],
        *,
        name: str,
        begin_within_seconds: float = 1.0,
        max_size: int = MAX_SIZE,
        workers: int = 2,
        max_wait_seconds: float = 0.02,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._process, self._refuse = process, refuse
        self._begin_within_seconds, self._max_waiting = begin_within_seconds, max_waiting
        self._max_size, self._max_wait_seconds = max_size, max_wait_seconds
        self._queue: deque[tuple[Item, float]] = deque()  # each with the monotonic time by which it must have begun
        self._lock = threading.Lock()
        self._has_items = threading.Condition(self._lock)  # idle workers wait for it
        self._has_share = threading.Condition(self._lock)  # the worker that collects a batch waits for it
        self._is_collecting = self._stopping = False
        self._in_progress = self._idle_workers = 0
        self._load, self._load_at = 1.0, time.monotonic()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True) for number in range(workers)
        ]

    def start(self) -> None:
        """Start the worker threads."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """Process all queued items, then stop the workers. `timeout_seconds` limits the wait for each worker."""
        with self._lock:
            self._stopping = True
            self._has_items.notify_all()
            self._has_share.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout_seconds)

    @property
    def waiting(self) -> int:
        """Return the number of queued items."""
        return len(self._queue)

    def submit(self, item: Item) -> None:
        """Queue an item and return; process it at once if all workers are idle. A full queue refuses it."""
        with self._lock:
            runs_here, is_full = self._is_lone(), len(self._queue) >= self._max_waiting
            if runs_here:
                self._in_progress += 1
            elif not is_full:
                self._append(item)
        if runs_here:
            self._process_batch([item])
        elif is_full:
            self._refuse_all([item], ServiceUnavailable(retry_after_seconds=1))

    def expire(self) -> None:
        """Refuse the items that have waited for `begin_within_seconds`. Call it periodically."""
        now = time.monotonic()
        with self._lock:
            expired = [item for item, deadline in self._queue if deadline <= now]
            self._queue = deque(queued for queued in self._queue if queued[1] > now)
        self._refuse_all(expired, ServiceUnavailable(retry_after_seconds=1))

    def _is_lone(self) -> bool:
        """Return whether no other item is queued, in progress or expected. Handing it to a worker would cost time."""
        if self._queue or self._in_progress or self._idle_workers < len(self._threads):
            return False
        self._update_load()
        return self._fair_share() == 1

    def _append(self, item: Item) -> None:
        self._queue.append((item, time.monotonic() + self._begin_within_seconds))
        if self._is_collecting and self._has_fair_share():
            self._has_share.notify()
        elif not self._is_collecting and len(self._queue) == 1:  # a longer queue has woken a worker already
            self._has_items.notify()

    def _fair_share(self) -> int:
        return math.ceil(self._load / len(self._threads))

    def _batch_size(self) -> int:
        return min(self._max_size, self._fair_share()) if self._max_wait_seconds else self._max_size

    def _has_fair_share(self) -> bool:
        return self._stopping or len(self._queue) >= self._fair_share()

    def _run(self) -> None:
        while True:
            if batch := self._next_batch():
                self._process_batch(batch)
            elif self._stopping:
                return

    def _process_batch(self, batch: list[Item]) -> None:
        try:
            self._process(batch)
        except Exception as error:
            self._refuse_all(batch, error)
        with self._lock:
            self._in_progress -= len(batch)

    def _next_batch(self) -> list[Item]:
        """Wait for items and return the next batch. It is empty when all items have expired or the batcher stops.

        One worker collects at a time, so that batches are large. The others sleep until items are left for them.
        """
        with self._lock:
            self._idle_workers += 1
            self._has_items.wait_for(lambda: not self._is_collecting and (self._queue or self._stopping))
            self._idle_workers -= 1
            self._is_collecting = True
            self._update_load()
            if not self._has_share.wait_for(self._has_fair_share, self._max_wait_seconds):
                self._load = 1.0
            self._update_load()
            batch = [self._queue.popleft()[0] for _ in range(min(len(self._queue), self._batch_size()))]
            self._in_progress += len(batch)
            self._is_collecting = False
            if self._queue or self._stopping:
                self._has_items.notify()
            return batch

    def _update_load(self) -> None:
        """Update the recent load from the decayed previous value and the current number of items."""
        now = time.monotonic()
        decayed = self._load * 0.5 ** ((now - self._load_at) / LOAD_HALF_LIFE_SECONDS)
        self._load, self._load_at = max(1.0, decayed, self._in_progress + len(self._queue)), now

    def _refuse_all(self, items: list[Item], error: Exception) -> None:
        for item in items:
            try:
                self._refuse(item, error)
            except Exception:
                _log.exception("an item could not be refused")
