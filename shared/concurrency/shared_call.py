"""One call at a time for all threads that want its result."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from shared.core.errors import ServiceUnavailable

T = TypeVar("T")
MAX_WAITING = 64


class SharedCall:
    """Runs a function once for all threads that need its result, such as a health check.

    A thread that asks while the call runs waits for the result of that run, so many requests cost no more than one.
    When `MAX_WAITING` threads wait, further ones get the result of the run before it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: Future[Any] | None = None
        self._last: Future[Any] | None = None
        self._waiting = 0

    def run(self, call: Callable[[], T]) -> T:
        """Return the result of `call`, or of a run of it that others began. Raises its exception.

        Raises ServiceUnavailable when too many threads wait for the first run.
        """
        mine: Future[T] = Future()
        with self._lock:
            shared = self._running
            if shared is None:
                self._running = mine
            elif self._waiting < MAX_WAITING:
                self._waiting += 1
            elif self._last is not None:
                shared = self._last
            else:
                raise ServiceUnavailable(retry_after_seconds=1)
        return self._lead(mine, call) if shared is None else shared.result()

    def _lead(self, mine: Future[T], call: Callable[[], T]) -> T:
        try:
            mine.set_result(call())
        except BaseException as error:
            mine.set_exception(error)
        with self._lock:
            self._running, self._last, self._waiting = None, mine, 0
        return mine.result()
