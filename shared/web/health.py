"""Health checks: `/api/live` shows that the process answers, `/api/health` that it can do its work."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from flask import Flask, Response
from pydantic_core import to_json

from shared.concurrency.shared_call import SharedCall
from shared.core.errors import ServiceUnavailable
from shared.http.client import Peer
from shared.web.access import public
from shared.web.responses import JSON, failure

_log = logging.getLogger(__name__)


class Health:
    """The health checks of a service. A check fails by raising or by returning False."""

    def __init__(self, checks: dict[str, Callable[[], object]]) -> None:
        self._checks = checks
        self._shared_call = SharedCall()
        self._pool = ThreadPoolExecutor(max_workers=len(checks) + 1, thread_name_prefix="health")

    def add(self, name: str, check: Callable[[], object]) -> None:
        """Add a check."""
        self._checks[name] = check

    def failing(self) -> list[str]:
        """Run all checks in parallel and return the names of those that fail. Concurrent callers share a run."""
        return self._shared_call.run(self._run)

    def _run(self) -> list[str]:
        results = self._pool.map(lambda item: (item[0], _passes(*item)), self._checks.items())
        return [name for name, passed in results if not passed]


def install(app: Flask, service: str, *, check_database: Callable[[], object] | None, peers: list[Peer]) -> Health:
    """Add the health endpoints to `app`, with checks of its database and of the services it depends on."""
    checks: dict[str, Callable[[], object]] = {peer.name: peer.is_alive for peer in peers}
    if check_database is not None:
        checks["database"] = check_database
    state = Health(checks)

    @public
    def live() -> Response:
        """Answer that the process is alive."""
        return _answer(status="alive", service=service)

    @public
    def check() -> Response:
        """Answer 200 if the service, its database and the services it depends on work, else 503 naming what fails."""
        if failing := state.failing():
            details = dict.fromkeys(failing, "unavailable")
            error = ServiceUnavailable(f"{service} is not healthy.", details=details)
            return failure(error, status="unhealthy", service=service)
        return _answer(status="healthy", service=service)

    app.add_url_rule("/api/live", "live", live)
    app.add_url_rule("/api/health", "health", check)
    return state


def _answer(**body: str) -> Response:
    return Response(to_json(body), content_type=JSON)


def _passes(name: str, check: Callable[[], object]) -> bool:
    try:
        return check() is not False
    except Exception as error:
        _log.warning("health check %s failed: %s", name, type(error).__name__)
        return False
