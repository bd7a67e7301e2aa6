"""Token buckets in Redis, which several gateways share, for the few requests that guess or search for something.

While Redis does not answer, each gateway counts in its own memory; the log says so once, and once when it is back.
"""

import logging
import math
import time
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from api_gateway.web.limits.rate_limits import TokenBuckets

TIMEOUT_SECONDS = 0.2
PAUSE_SECONDS = 5.0
"""The pause after a failure of Redis, so that an outage delays one request in five seconds."""
_TAKE = """
local known = redis.call('HMGET', KEYS[1], 'level', 'at')
local clock = redis.call('TIME')
local now, rate, burst = clock[1] + clock[2] / 1000000, tonumber(ARGV[1]), tonumber(ARGV[2])
local level = tonumber(known[1]) or burst
level = math.min(burst, level + math.max(0, now - (tonumber(known[2]) or now)) * rate)
if level < 1 then return tostring((1 - level) / rate) end
redis.call('HSET', KEYS[1], 'level', level - 1, 'at', now)
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return '0'
"""
_log = logging.getLogger(__name__)


class RedisServer:
    """A Redis server, which may not answer."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare connections to the server at `url` (redis:// or rediss://). Raises ValueError for another URL."""
        self._redis = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._take = self._redis.register_script(_TAKE)
        self._clock = clock
        self._away_until = float("-inf")
        self._is_unavailable = False

    def take(self, key: str, *, per_second: float, burst: int) -> float | None:
        """Take a token of a bucket, as TokenBuckets.take does. Return None while the server does not answer."""
        if self._clock() < self._away_until:
            return None
        full_milliseconds = math.ceil(burst / per_second * 1000)
        try:
            wait: Any = self._take(keys=[key], args=[per_second, burst, full_milliseconds])
        except (RedisError, OSError) as error:
            self._away_until = self._clock() + PAUSE_SECONDS
            if not self._is_unavailable:
                _log.warning("Redis does not answer (%s): rate limits are counted in memory", type(error).__name__)
            self._is_unavailable = True
            return None
        if self._is_unavailable:
            _log.info("Redis answers again: rate limits are shared")
        self._is_unavailable = False
        return float(wait)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()


class SharedBuckets(TokenBuckets):
    """The token buckets of one rule in Redis, or in memory while that does not answer."""

    def __init__(self, name: str, per_second: float, burst: int, server: RedisServer) -> None:
        super().__init__(per_second, burst)
        self._name, self._server = name, server

    def take(self, key: str) -> float:
        """Take a token and return 0.0, or return the seconds until one is available."""
        wait = self._server.take(f"bank:limit:{self._name}:{key}", per_second=self._per_second, burst=self._burst)
        return super().take(key) if wait is None else wait
