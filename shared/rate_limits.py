"""How often somebody may ask: rules by who asks and for what, counted in memory or in Redis (Flask-Limiter)."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask_limiter import ApplicationLimit, Limiter, RateLimitExceeded

from shared.errors import AppError, TooManyRequests


@dataclass(frozen=True)
class Rule:
    """Requests for which `applies` are counted for each `who`, and refused above `limit`, such as "60/minute"."""

    name: str
    limit: str
    who: Callable[[], str]
    applies: Callable[[], bool]


def install(app: Flask, rules: Sequence[Rule], *, storage_uri: str, render_error: Callable[[AppError], Any]) -> None:
    """Refuse what is above the rules with 429 and Retry-After. A storage that is away is replaced by memory."""
    limiter = Limiter(
        lambda: "",
        app=app,
        application_limits=[_limit(rule) for rule in rules],
        storage_uri=storage_uri,
        in_memory_fallback_enabled=not storage_uri.startswith("memory"),
    )

    @app.errorhandler(RateLimitExceeded)
    def _refuse(_error: RateLimitExceeded) -> Any:
        broken = limiter.current_limit
        seconds = math.ceil(broken.reset_at - time.time()) if broken else 1
        return render_error(TooManyRequests(retry_after_seconds=max(seconds, 1)))


def _limit(rule: Rule) -> ApplicationLimit:
    return ApplicationLimit(rule.limit, key_function=rule.who, exempt_when=lambda: not rule.applies(), scope=rule.name)
