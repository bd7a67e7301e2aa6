"""Renewal of a browser's tokens, once per refresh token."""

import hashlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from api_gateway.clients.auth import RenewedTokens
from shared.concurrency.context_pool import ContextPool
from shared.core.errors import ServiceUnavailable

REMEMBERED_SECONDS = 600


@dataclass
class _Renewal:
    lock: threading.Lock = field(default_factory=threading.Lock)
    call: Future[RenewedTokens] | None = None
    begun_at: float = field(default_factory=time.monotonic)


class Renewals:
    """Renews each refresh token once, however many concurrent requests of a browser carry it.

    The auth service returns the same successor for ten seconds and treats a later use as theft. A browser may send its
    old cookie for longer, so the new pair is remembered for REMEMBERED_SECONDS. A page waits at most
    `max_wait_seconds`; the renewal then continues, and the next page gets its result.
    """

    def __init__(self, renew: Callable[[str], RenewedTokens], max_wait_seconds: float = 3.0) -> None:
        self._renew = renew
        self._max_wait_seconds = max_wait_seconds
        self._pool = ContextPool("renewals")
        self._lock = threading.Lock()
        self._by_digest: dict[bytes, _Renewal] = {}

    def tokens_for(self, refresh_token: str) -> RenewedTokens:
        """Return the new pair. Raises the auth service's error, or ServiceUnavailable on timeout; each call retries."""
        renewal = self._renewal(hashlib.sha256(refresh_token.encode()).digest())
        with renewal.lock:
            if renewal.call is None or (renewal.call.done() and renewal.call.exception()):
                renewal.call = self._pool.submit(self._renew, refresh_token)
            call = renewal.call
        try:
            return call.result(self._max_wait_seconds)
        except TimeoutError:
            raise ServiceUnavailable from None

    def close(self) -> None:
        """Stop the threads after their renewals."""
        self._pool.close()

    def _renewal(self, digest: bytes) -> _Renewal:
        with self._lock:
            oldest = time.monotonic() - REMEMBERED_SECONDS
            for old in [key for key, renewal in self._by_digest.items() if renewal.begun_at < oldest]:
                del self._by_digest[old]
            return self._by_digest.setdefault(digest, _Renewal())
