"""A FIFO lock, or with a capacity above one a FIFO semaphore."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from shared.core.errors import ServiceUnavailable


class FairLock:
    """A lock that threads get in the order in which they asked for it.

    `threading.Lock` guarantees no order, so a busy thread could starve the others. Up to `capacity` threads hold the
    lock at the same time. When `max_waiting` threads wait already, the next one is refused immediately.
    """

    def __init__(self, capacity: int = 1, max_waiting: int | None = None) -> None:
        self._guard = threading.Lock()
        self._free = capacity
        self._max_waiting = max_waiting
        self._waiting: deque[threading.Event] = deque()

    @property
    def waiting(self) -> int:
        """Return the number of threads that wait for the lock."""
        return len(self._waiting)

    @contextmanager
    def hold(self, timeout_seconds: float) -> Iterator[None]:
        """Hold the lock during the block.

        Raises ServiceUnavailable when the lock is not acquired within the timeout or too many threads wait already.
        """
        self._acquire(timeout_seconds)
        try:
            yield
        finally:
            self._release()

    def _acquire(self, timeout_seconds: float) -> None:
        with self._guard:
            if self._free:
                self._free -= 1
                return
            if self._max_waiting is not None and len(self._waiting) >= self._max_waiting:
                raise ServiceUnavailable(retry_after_seconds=1)
            turn = threading.Event()
            self._waiting.append(turn)
        if turn.wait(timeout_seconds):
            return
        with self._guard:
            if turn not in self._waiting:  # the lock was passed to this thread after the timeout
                self._pass_on()
            else:
                self._waiting.remove(turn)
        raise ServiceUnavailable(retry_after_seconds=1)

    def _release(self) -> None:
        with self._guard:
            self._pass_on()

    def _pass_on(self) -> None:
        if self._waiting:
            self._waiting.popleft().set()
        else:
            self._free += 1
