"""Metrics for Prometheus: how many requests, how they ended, how long they took."""

import ipaddress
import time

from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from shared.access import admin_only, public

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def install(app: Flask) -> CollectorRegistry:
    """Count every request by route and status, and show the counts at `/metrics`.

    Machines on loopback may read them; from anywhere else only an admin may. Returns the registry, for more metrics.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    requests_total = Counter(
        "http_requests_total", "Requests answered.", ["route", "method", "status"], registry=registry
    )
    seconds = Histogram("http_request_seconds", "Time to answer.", ["route"], buckets=_BUCKETS, registry=registry)

    @app.before_request
    def _begin() -> None:
        g.metrics_began_at = time.perf_counter()

    @app.after_request
    def _count(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "unknown"
        requests_total.labels(route, request.method, response.status_code).inc()
        seconds.labels(route).observe(time.perf_counter() - g.get("metrics_began_at", time.perf_counter()))
        return response

    @public
    def metrics() -> Response:
        """Prometheus metrics, for loopback and admins."""
        return _from_loopback() or _for_admin()

    def _from_loopback() -> Response | None:
        local = ipaddress.ip_address(request.remote_addr or "0.0.0.0").is_loopback  # noqa: S104 - not bound, compared
        return _exposition() if local and "X-Forwarded-For" not in request.headers else None

    def _exposition() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    _for_admin = admin_only(lambda _caller: _exposition())
    app.add_url_rule("/metrics", "metrics", metrics)
    return registry
