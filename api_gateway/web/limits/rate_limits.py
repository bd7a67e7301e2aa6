"""Rate limits by token buckets in the memory of this process.

Each key has a bucket of `burst` tokens that refills at `per_second`. A request takes a token; without one it is
refused. Four rules cost an API request 20 µs, most of it to identify the caller; Flask-Limiter took 160 µs, as much as
the rest of the request together.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Flask

from shared.core import periods
from shared.core.errors import TooManyRequests

MAX_KEYS = 50_000


class TokenBuckets:
    """The token buckets of one rule."""

    def __init__(self, per_second: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._lock = threading.Lock()
        self._levels: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: str) -> float:
        """Take a token and return 0.0, or return the seconds until one is available."""
        with self._lock:
            now = self._clock()
            level = self._level(key, now)
            if level < 1:
                return (1 - level) / self._per_second
            if len(self._levels) >= MAX_KEYS:
                self._forget_full(now)
            self._levels[key] = (level - 1, now)
            return 0.0

    def _level(self, key: str, now: float) -> float:
        level, at = self._levels.get(key, (float(self._burst), now))
        return min(float(self._burst), level + (now - at) * self._per_second)

    def _forget_full(self, now: float) -> None:
        """Forget full buckets, which equal new ones. If all are in use, reset all, so that memory stays bounded."""
        self._levels = {key: kept for key, kept in self._levels.items() if self._level(key, now) < self._burst}
        if len(self._levels) >= MAX_KEYS:
            self._levels.clear()


@dataclass(frozen=True)
class Rule:
    """A limit on requests, counted by the key that `who()` returns; None exempts the request."""

    who: Callable[[], str | None]
    buckets: TokenBuckets


def install(app: Flask, rules: Sequence[Rule]) -> None:
    """Refuse requests above any of the rules with 429 and Retry-After."""

    @app.before_request
    def _refuse_too_many() -> None:
        for rule in rules:
            key = rule.who()
            wait_seconds = rule.buckets.take(key) if key is not None else 0.0
            if wait_seconds:
                wait = periods.wait_text(wait_seconds)
                raise TooManyRequests(
                    f"There were too many requests. Try again in {wait}.", retry_after_seconds=math.ceil(wait_seconds)
                )
