"""A lock that is given to threads in the order they asked for it; it may have several places."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from shared.core.errors import ServiceUnavailable


class FairLock:
    """First come, first served; `threading.Lock` promises no order, and a busy writer could starve the rest.

    `places` threads hold it at a time; when `most_waiting` wait already, the next is refused at once.
    """

    def __init__(self, places: int = 1, most_waiting: int | None = None) -> None:
        self._guard = threading.Lock()
        self._free = places
        self._most_waiting = most_waiting
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def hold(self, timeout_seconds: float) -> Iterator[None]:
        """Hold the lock for the block. Raises ServiceUnavailable when it does not come within the timeout."""
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
            if self._most_waiting is not None and len(self._waiting) >= self._most_waiting:
                raise ServiceUnavailable(retry_after_seconds=1)
            turn = threading.Event()
            self._waiting.append(turn)
        if turn.wait(timeout_seconds):
            return
        with self._guard:
            if turn not in self._waiting:  # the lock came between the timeout and here
                self._hand_on()
            else:
                self._waiting.remove(turn)
        raise ServiceUnavailable(retry_after_seconds=1)

    def _release(self) -> None:
        with self._guard:
            self._hand_on()

    def _hand_on(self) -> None:
        if self._waiting:
            self._waiting.popleft().set()
        else:
            self._free += 1
