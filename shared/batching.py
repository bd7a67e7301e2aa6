"""Work of many threads done in batches: whoever comes while one batch runs is in the next."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from shared.errors import ServiceUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")
MAX_WAITING_BATCHES = 16


class Batcher(Generic[Item, Result]):
    """Hands what has gathered (one item when idle, up to `max_size` under load) to `process` in one call.

    `process` takes a list of items and returns their results in the same order; a result that is an exception is raised
    to the thread that waits for it, and what `process` itself raises reaches all threads of that batch. Several workers
    run batches side by side, so that one can wait for the network while another prepares. A batch is never waited for:
    latency is paid for by load only.
    """

    def __init__(
        self,
        process: Callable[[list[Item]], Sequence[Result | Exception]],
        *,
        name: str,
        max_size: int = 128,
        workers: int = 2,
    ) -> None:
        self._process = process
        self._max_size = max_size
        self._queue: queue.SimpleQueue[tuple[Item, Future[Result]] | None] = queue.SimpleQueue()
        self._gather = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True) for number in range(workers)
        ]

    def start(self) -> None:
        """Start the workers."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """Finish what was submitted, then end the workers."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout_seconds)

    def submit(self, item: Item, *, begin_within_seconds: float) -> Result:
        """Wait for this item's result.

        Raises ServiceUnavailable when too much waits already, or when the work has not begun in time and so never will.
        """
        if self._queue.qsize() > self._max_size * MAX_WAITING_BATCHES:
            raise ServiceUnavailable(retry_after_seconds=1)
        future: Future[Result] = Future()
        self._queue.put((item, future))
        try:
            return future.result(begin_within_seconds)
        except TimeoutError:
            if future.cancel():
                raise ServiceUnavailable(retry_after_seconds=1) from None
        return future.result()

    def _run(self) -> None:
        while True:
            with self._gather:  # one worker gathers at a time, so that a batch is as full as it can be
                batch, stop = self._next_batch()
            if batch:
                self._process_batch(batch)
            if stop:
                return

    def _next_batch(self) -> tuple[list[tuple[Item, Future[Result]]], bool]:
        batch: list[tuple[Item, Future[Result]]] = []
        entry = self._queue.get()
        while entry is not None:
            batch.append(entry)
            if len(batch) == self._max_size:
                return batch, False
            try:
                entry = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _process_batch(self, gathered: list[tuple[Item, Future[Result]]]) -> None:
        batch = [(item, future) for item, future in gathered if future.set_running_or_notify_cancel()]
        if not batch:
            return
        try:
            results = self._results([item for item, _ in batch])
        except Exception as error:
            results = [error] * len(batch)
        for (_, future), result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _results(self, items: list[Item]) -> list[Result | Exception]:
        results = list(self._process(items))
        if len(results) != len(items):
            raise RuntimeError(f"{len(items)} items came back as {len(results)} results")
        return results
