"""Prometheus metrics: number, statuses and durations of requests.

`http_requests_recent` counts those of the last minutes by outcome. It is the difference to an earlier sample of the
counters, so that a request costs nothing more.
"""

import ipaddress
import time
from collections import deque
from functools import lru_cache, partial

from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from shared.web.access import admin_only, public

PROBES = ("/api/live", "/api/health", "/health", "/metrics")
SAMPLE_SECONDS, SAMPLES = 30.0, 11  # the oldest sample is five minutes old
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._requests = Counter(
            "http_requests_total", "Requests answered.", ["route", "method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "http_request_seconds", "Time to answer.", ["route"], buckets=_BUCKETS, registry=self.registry
        )

        recent = Gauge(
            "http_requests_recent", "Requests of the last five minutes.", ["outcome"], registry=self.registry
        )
        for outcome in ("answered", "failed"):
            recent.labels(outcome).set_function(partial(self._recent, outcome))
        started = Gauge("started_at_seconds", "When this process began to count.", registry=self.registry)
        started.set(time.time())
        self._samples: deque[dict[str, float]] = deque([{"answered": 0.0, "failed": 0.0}], maxlen=SAMPLES)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self.registry)

    def sample(self) -> None:
        """Remember the current totals. Call this every `SAMPLE_SECONDS`."""
        self._samples.append(self._totals())

    def _recent(self, outcome: str) -> float:
        return self._totals()[outcome] - self._samples[0][outcome]

    def _totals(self) -> dict[str, float]:
        """Return how many requests were answered, and how many of them with a status of 500 or more; without probes."""
        (counted,) = self._requests.collect()
        rows = [one for one in counted.samples if one.name.endswith("_total") and one.labels["route"] not in PROBES]
        totals = [(one.labels["status"], one.value) for one in rows]
        failed = sum(value for status, value in totals if int(status) >= 500)
        return {"answered": sum(value for _, value in totals), "failed": failed}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. `route` is the matched URL rule, never the requested path."""
        answered, took = self._of(method, route, status)
        answered.inc()
        took.observe(seconds)

    @lru_cache(maxsize=1024)  # noqa: B019 - one instance per process, as long-lived as the process
    def _of(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return self._requests.labels(route, method, status), self._seconds.labels(route)


def install(app: Flask) -> Metrics:
    """Serve the metrics of `app` at `/metrics`, and return them.

    Anybody may read them on loopback, elsewhere only admins.
    """
    counts = Metrics()

    @public
    def metrics() -> Response:
        """Return the metrics in Prometheus's format, for loopback and admins."""
        local = ipaddress.ip_address(request.remote_addr or "0.0.0.0").is_loopback  # noqa: S104 - compared, not bound
        if not local or "X-Forwarded-For" in request.headers:
            require_admin()
        return Response(counts.exposition(), content_type=CONTENT_TYPE_LATEST)

    require_admin = admin_only(lambda _caller: None)
    app.add_url_rule("/metrics", "metrics", metrics)
    return counts
