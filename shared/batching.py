"""Work of many threads done in batches: whoever comes while one batch runs is in the next."""

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from shared.errors import ServiceUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Hands what has gathered (one item when idle, up to `max_size` under load) to `process` in one call.

    `process` takes a list of items and returns their results in the same order; what it raises reaches every waiting
    thread of that batch. Several workers run batches side by side, so that one can wait for the network while another
    prepares. A batch is never waited for: latency is paid for by load only.
    """

    def __init__(
        self, process: Callable[[list[Item]], Sequence[Result]], *, name: str, max_size: int = 128, workers: int = 2
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

    def submit(self, item: Item, timeout_seconds: float) -> Result:
        """Wait for this item's result. Raises TimeoutError when it takes longer (the work still goes on)."""
        if self._queue.qsize() > self._max_size * 16:
            raise ServiceUnavailable(retry_after_seconds=1)
        future: Future[Result] = Future()
        self._queue.put((item, future))
        return future.result(timeout_seconds)

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

    def _process_batch(self, batch: list[tuple[Item, Future[Result]]]) -> None:
        try:
            results = self._process([item for item, _ in batch])
            for (_, future), result in zip(batch, results, strict=True):
                future.set_result(result)
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
