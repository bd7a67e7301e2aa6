"""Requests that the gateway itself refuses, counted and reported to the audit trail once a minute.

A flood becomes a few entries: they are counted by code and address, and beyond MAX_COUNTED of these by code alone.
"""

import threading
from collections import Counter
from datetime import datetime
from typing import Any
from uuid import uuid4

from shared.core import clock
from shared.core.errors import AppError, Forbidden, InvalidToken, TooManyRequests
from shared.http.client import Peer, ServiceToken

REPORT_SECONDS = 60.0
MAX_COUNTED = 100
PAGE_EXPIRED = "PAGE_EXPIRED"
"""The code of a form whose token is missing or foreign."""
COUNTED = frozenset({Forbidden.code, InvalidToken.code, TooManyRequests.code, PAGE_EXPIRED})


class Refusals:
    """Counts refusals and reports the sums. What is not reported when the process dies is lost: at most a minute."""

    def __init__(self, auth: Peer, token: ServiceToken) -> None:
        self._auth, self._token = auth, token
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, error: AppError, address: str) -> None:
        """Count a refusal of a request from this address, if it is of a kind that is counted."""
        if error.code not in COUNTED:
            return
        with self._lock:
            self._add(error.code, address, 1)

    def report(self) -> None:
        """Send the sums to the audit trail. Raises what the call raises; the sums are then sent with the next ones."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        if not counts:
            return
        now = clock.now()
        try:
            entries = [_entry(code, address, count, now) for (code, address), count in counts.items()]
            self._token.call(self._auth, "POST", "/internal/audit", body={"entries": entries})
        except Exception:
            with self._lock:
                for (code, address), count in counts.items():
                    self._add(code, address, count)
            raise

    def _add(self, code: str, address: str, count: int) -> None:
        is_counted = (code, address) in self._counts or len(self._counts) < MAX_COUNTED
        self._counts[code, address if is_counted else ""] += count


def _entry(code: str, address: str, count: int, now: datetime) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "action": "gateway.refuse",
        "outcome": "refused",
        "address": address,
        "details": {"code": code, "requests": count, "seconds": int(REPORT_SECONDS)},
        "timestamp": now.isoformat(),
    }
