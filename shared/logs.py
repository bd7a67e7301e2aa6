"""Logs: one JSON object a line in the service's file, and a line for a person on stderr."""

import logging
import logging.handlers
import sys
import time
from pathlib import Path
from typing import Any

import structlog
from flask import Flask, Response, g, request

_access = logging.getLogger("access")
SLOW_SECONDS = 1.0


class _RotatingFile(logging.handlers.RotatingFileHandler):
    """Begins a new file when the present one is large enough."""

    def shouldRollover(self, _record: logging.LogRecord) -> bool:  # noqa: N802 - the name is the base class's
        """Look at the size alone; the base class formats every line twice to know its length beforehand."""
        return self.stream is not None and self.stream.tell() >= self.maxBytes


def configure(service: str, data_dir: Path, level: str = "INFO") -> None:
    """Send every library's and our own log lines to `<data_dir>/logs/<service>.log` and to stderr."""
    folder = data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def name_service(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
        event["service"] = service
        return event

    common: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
    ]
    file = _RotatingFile(folder / f"{service}.log", maxBytes=20_000_000, backupCount=3, encoding="utf-8")
    file.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=common,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    person = logging.StreamHandler(sys.stderr)
    person.setLevel(logging.WARNING)
    person.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[file, person], force=True)
    for noisy in ("urllib3", "_granian", "werkzeug"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def install_access_log(app: Flask) -> None:
    """One line for each request: method, route (never the query, which may be private), status, milliseconds.

    Quick successes of machines (health checks, scrapes) are left out.
    """

    @app.before_request
    def _begin() -> None:
        g.began_at = time.perf_counter()

    @app.after_request
    def _end(response: Response) -> Response:
        seconds = time.perf_counter() - g.get("began_at", time.perf_counter())
        if request.path in ("/api/live", "/api/health", "/metrics") and response.status_code < 400:
            return response
        _access.info(
            "request",
            extra={
                "method": request.method,
                "route": request.url_rule.rule if request.url_rule else "unknown",
                "status": response.status_code,
                "milliseconds": round(seconds * 1000, 1),
                "user_id": str(g.user_id) if "user_id" in g else None,
            },
        )
        return response
