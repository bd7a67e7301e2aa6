"""Records answered requests: a line in the access log and a count in the metrics."""

import time
from collections.abc import Iterable, Sequence

from flask import Flask, Response, g, request

from shared.http import request_ids
from shared.web import logs, metrics
from shared.web.logs import AnsweredRequest
from shared.web.metrics import Metrics
from shared.web.parts import keep


class Recorder:
    """Logs and counts the requests that this process has answered."""

    def __init__(self, counts: Metrics) -> None:
        self._counts = counts

    def record(self, answered: Sequence[AnsweredRequest]) -> None:
        """Count these requests and write all their log lines in one write.

        Successful probes (health checks, scrapes) are counted only.
        """
        for one in answered:
            self._counts.count(one.method, one.route, one.status, one.seconds)
        if lines := [one for one in answered if one.status >= 400 or one.route not in metrics.PROBES]:
            logs.log_requests(lines)


def install(app: Flask) -> Metrics:
    """Record every request that `app` answers, by route: path and query may contain private data.

    Middleware that answers before Flask gets the Recorder by `part(Recorder, app)`; `/metrics` shows the counts.
    """
    counts = metrics.install(app)
    recorder = Recorder(counts)
    keep(app, recorder)

    @app.before_request
    def _begin() -> None:
        g.began_at = time.perf_counter()

    @app.after_request
    def _end(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "unknown"
        seconds = time.perf_counter() - g.get("began_at", time.perf_counter())
        recorder.record(
            [
                AnsweredRequest(
                    request.method,
                    route,
                    response.status_code,
                    seconds,
                    g.get("user_id"),
                    request_ids.current(),
                    batched_request_ids(),
                )
            ]
        )
        return response

    return counts


def name_batched_requests(ids: Iterable[str | None]) -> None:
    """Name the requests that the current request, a batch, carries. Its line in the access log has their ids."""
    g.request_ids = [request_id for request_id in ids if request_id]


def batched_request_ids() -> Sequence[str]:
    """Return the ids of the requests that the current request carries; none if it is no batch."""
    ids: Sequence[str] = g.get("request_ids", ())
    return ids
