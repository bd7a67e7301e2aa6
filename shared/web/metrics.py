"""Prometheus metrics: number, statuses and durations of requests."""

import ipaddress
from functools import lru_cache

from flask import Flask, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from shared.web.access import admin_only, public

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

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. `route` is the matched URL rule, never the requested path."""
        answered, took = self._of(method, route, status)
        answered.inc()
        took.observe(seconds)

    @lru_cache(maxsize=1024)  # noqa: B019 - one instance per process, as long-lived as the process
    def _of(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        return self._requests.labels(route, method, status), self._seconds.labels(route)


def install(app: Flask) -> Metrics:
    """Serve metrics at `/metrics`, and return them to be counted up.

    Clients on loopback may read them; from anywhere else only admins may.
    """
    counted = Metrics()

    @public
    def metrics() -> Response:
        """Return the metrics in Prometheus's format, for loopback and admins."""
        return _from_loopback() or _for_admin()

    def _from_loopback() -> Response | None:
        local = ipaddress.ip_address(request.remote_addr or "0.0.0.0").is_loopback  # noqa: S104 - compared, not bound
        return _exposition() if local and "X-Forwarded-For" not in request.headers else None

    def _exposition() -> Response:
        return Response(generate_latest(counted.registry), content_type=CONTENT_TYPE_LATEST)

    _for_admin = admin_only(lambda _caller: _exposition())
    app.add_url_rule("/metrics", "metrics", metrics)
    return counted
