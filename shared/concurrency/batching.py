"""Work of many threads done in batches: whoever comes while one batch runs is in the next."""

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
MOST_WAITING = 2048
CROWD_HALF_LIFE_SECONDS = 0.05
_log = logging.getLogger(__name__)


class _Waiting(Generic[Item, Result]):
    """An item, and what is to be done with its result; after `deadline` it is not begun any more."""

    __slots__ = ("begun", "deadline", "item", "then")

    def __init__(self, item: Item, then: Callable[[Result | Exception], None], deadline: float) -> None:
        self.item, self.then, self.deadline = item, then, deadline
        self.begun = False


class _Slot(Generic[Result]):
    """Where a thread waits for a result, at a lock that opens once."""

    __slots__ = ("ready", "result")

    def __init__(self) -> None:
        self.result: Result | Exception | None = None
        self.ready = threading.Lock()
        self.ready.acquire()

    def fill(self, result: Result | Exception) -> None:
        self.result = result
        self.ready.release()


class Batcher(Generic[Item, Result]):
    """Hands what has gathered (one item when idle, up to `max_size` under load) to `process` in one call.

    `process` takes a list of items and returns their results in the same order; a result that is an exception is raised
    to the thread that waits for it, and what `process` itself raises reaches all threads of that batch. Several workers
    run batches side by side, so that one can wait for the network while another prepares.

    A batch costs about the same for one item as for many. So a lone item runs at once, but under load a batch gathers
    until it has its fair share of as many items as have lately been here together, or until `patience_seconds` have
    passed, and it takes no more than that: each worker's batch is as large as the others'. How many that were is soon
    forgotten: by half in 50 ms, and at once by a batch that has waited for them in vain. Without patience a batch is
    whatever waits.
    """

    def __init__(
        self,
        process: Callable[[list[Item]], Sequence[Result | Exception]],
        *,
        name: str,
        max_size: int = 128,
        workers: int = 2,
        patience_seconds: float = 0.02,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._process = process
        self._most_waiting = most_waiting
        self._max_size, self._patience_seconds = max_size, patience_seconds
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._changed = threading.Condition()
        self._gather = threading.Lock()
        self._at_work = 0
        self._crowd = 1.0
        self._crowd_at = time.monotonic()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True) for number in range(workers)
        ]

    def start(self) -> None:
        """Start the workers."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """Finish what was submitted, then end the workers."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout_seconds)

    def submit(self, item: Item, *, begin_within_seconds: float) -> Result:
        """Wait for this item's result.

        Raises ServiceUnavailable when too much waits already, or when the work has not begun in time and so never will.
        """
        (result,) = self.submit_all([item], begin_within_seconds=begin_within_seconds)
        if isinstance(result, Exception):
            raise result
        return result

    def submit_all(self, items: Sequence[Item], *, begin_within_seconds: float) -> list[Result | Exception]:
        """Wait for the results of several items; a result is an exception where `submit` would raise it."""
        slots: list[_Slot[Result]] = [_Slot() for _ in items]
        deadline = time.monotonic() + begin_within_seconds
        waiting: list[_Waiting[Item, Result]] = [
            _Waiting(item, slot.fill, deadline) for item, slot in zip(items, slots, strict=True)
        ]
        if not self._add(waiting):
            return [ServiceUnavailable(retry_after_seconds=1) for _ in items]
        return [self._result(one, slot) for one, slot in zip(waiting, slots, strict=True)]

    def submit_later(
        self, item: Item, then: Callable[[Result | Exception], None], *, begin_within_seconds: float
    ) -> None:
        """Wait for nothing: `then` is called with the result or the exception, in a thread of the batcher's.

        Raises ServiceUnavailable when too much waits already. See `expire` for work that is not begun in time.
        """
        if not self._add([_Waiting(item, then, time.monotonic() + begin_within_seconds)]):
            raise ServiceUnavailable(retry_after_seconds=1)

    def expire(self) -> None:
        """Give up what should have been begun by now; to be called again and again where `submit_later` is used."""
        now = time.monotonic()
        with self._changed:
            expired = [waiting for waiting in self._waiting if waiting.deadline <= now]
            self._waiting = deque(waiting for waiting in self._waiting if waiting.deadline > now)
        for waiting in expired:
            _hand_over(waiting, ServiceUnavailable(retry_after_seconds=1))

    def _add(self, waiting: list[_Waiting[Item, Result]]) -> bool:
        with self._changed:
            if len(self._waiting) > self._most_waiting:
                return False
            was_idle = not self._waiting
            self._waiting.extend(waiting)
            if was_idle or self._has_fair_share():
                self._changed.notify()
        return True

    def _result(self, waiting: _Waiting[Item, Result], slot: _Slot[Result]) -> Result | Exception:
        if not slot.ready.acquire(timeout=max(0.0, waiting.deadline - time.monotonic())):
            with self._changed:
                if not waiting.begun and waiting in self._waiting:
                    self._waiting.remove(waiting)
                    return ServiceUnavailable(retry_after_seconds=1)
            slot.ready.acquire()
        return slot.result  # type: ignore[return-value]  # it is set when it is ready

    def _fair_share(self) -> int:
        return math.ceil(self._crowd / len(self._threads))

    def _most(self) -> int:
        return min(self._max_size, self._fair_share()) if self._patience_seconds else self._max_size

    def _has_fair_share(self) -> bool:
        return self._stopping or len(self._waiting) >= self._fair_share()

    def _run(self) -> None:
        while True:
            batch = self._next_batch()
            if not batch and self._stopping:
                return
            self._process_batch(batch)
            with self._changed:
                self._at_work -= len(batch)

    def _next_batch(self) -> list[_Waiting[Item, Result]]:
        """What is to be done next; nothing when all have gone in the meantime, or no more will come."""
        with self._gather, self._changed:  # one worker gathers at a time, so that a batch is as full as it can be
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            self._estimate_crowd()
            if not self._changed.wait_for(self._has_fair_share, self._patience_seconds):
                self._crowd = 1.0
            self._estimate_crowd()
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most()))]
            for waiting in batch:
                waiting.begun = True
            self._at_work += len(batch)
            return batch

    def _estimate_crowd(self) -> None:
        """Note how many items are here together, or lately were."""
        now = time.monotonic()
        remembered = self._crowd * 0.5 ** ((now - self._crowd_at) / CROWD_HALF_LIFE_SECONDS)
        self._crowd, self._crowd_at = max(1.0, remembered, self._at_work + len(self._waiting)), now

    def _process_batch(self, batch: list[_Waiting[Item, Result]]) -> None:
        results: list[Result | Exception] = []
        try:
            results = self._results([waiting.item for waiting in batch])
        except Exception as error:
            results = [error] * len(batch)
        for waiting, result in zip(batch, results, strict=True):
            _hand_over(waiting, result)

    def _results(self, items: list[Item]) -> list[Result | Exception]:
        results = list(self._process(items)) if items else []
        if len(results) != len(items):
            raise RuntimeError(f"{len(items)} items came back as {len(results)} results")
        return results


def _hand_over(waiting: _Waiting[Item, Result], result: Result | Exception) -> None:
    try:
        waiting.then(result)
    except Exception:
        _log.exception("a result could not be handed over")
