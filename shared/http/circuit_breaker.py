"""A circuit breaker: after several failures in a row, calls fail immediately for a while; then one is tried.

No lock is held during a call, so calls run concurrently.
"""

import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


class CircuitOpen(Exception):
    """The circuit is open; the call was not made."""


class CircuitBreaker:
    """Counts exceptions. `fail_max` in a row open the circuit; then one call per `rest_seconds` is tried."""

    def __init__(
        self, *, fail_max: int = 5, rest_seconds: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fail_max, self._rest_seconds, self._clock = fail_max, rest_seconds, clock
        self._lock = threading.Lock()
        self._failures = 0
        self._resting_until = float("-inf")

    def call(self, function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Call `function`. Raises its exception, or CircuitOpen without a call."""
        self._enter()
        try:
            result = function(*args, **kwargs)
        except Exception:
            self._count_failure()
            raise
        self.close()
        return result

    def close(self) -> None:
        """Close the circuit, as after a successful health check."""
        self._failures = 0

    def _enter(self) -> None:
        with self._lock:
            if self._failures < self._fail_max:
                return
            if self._clock() < self._resting_until:
                raise CircuitOpen
            self._rest()

    def _count_failure(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= self._fail_max:
                self._rest()

    def _rest(self) -> None:
        self._resting_until = self._clock() + self._rest_seconds
