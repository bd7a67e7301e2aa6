"""How often somebody may ask: token buckets in the memory of this process.

Each key has a bucket of `burst` tokens that fills up again at `per_second`; a request takes one, and without one it is
refused until the next has come. On the way to the API four rules take 20 µs of a request, most of it to find out who
asks; Flask-Limiter took 160 µs, as much as everything else there together.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Flask

from shared.core import periods
from shared.core.errors import TooManyRequests

MOST_KEYS = 50_000


class TokenBuckets:
    """The buckets of one rule."""

    def __init__(self, per_second: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._lock = threading.Lock()
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, key: str) -> float:
        """Take a token: 0.0 if there was one, else the seconds until there is."""
        with self._lock:
            now = self._clock()
            level = self._level(key, now)
            if level < 1:
                return (1 - level) / self._per_second
            if len(self._levels) >= MOST_KEYS:
                self._forget_full(now)
            self._levels[key] = (level - 1, now)
            return 0.0

    def _level(self, key: str, now: float) -> float:
        level, at = self._levels.get(key, (float(self._burst), now))
        return min(float(self._burst), level + (now - at) * self._per_second)

    def _forget_full(self, now: float) -> None:
        """A full bucket is as good as none; if all are in use, everybody starts anew rather than fill the memory."""
        self._levels = {key: kept for key, kept in self._levels.items() if self._level(key, now) < self._burst}
        if len(self._levels) >= MOST_KEYS:
            self._levels.clear()


@dataclass(frozen=True)
class Rule:
    """Requests are counted for each `who()`, and not at all where it says None."""

    who: Callable[[], str | None]
    buckets: TokenBuckets


def install(app: Flask, rules: Sequence[Rule]) -> None:
    """Refuse what is above any of the rules with 429 and Retry-After."""

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
