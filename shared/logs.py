"""Logs: one JSON object a line in the service's file, and a line for a person on stderr."""

import logging
import logging.handlers
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask, Response, g, request
from pydantic_core import to_json

from shared import request_ids
from shared.periods import to_text

_access = logging.getLogger("access")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _RotatingFile(logging.handlers.RotatingFileHandler):
    """Begins a new file when the present one is large enough."""

    def shouldRollover(self, _record: logging.LogRecord) -> bool:  # noqa: N802 - the name is the base class's
        """Look at the size alone; the base class formats every line twice to know its length beforehand."""
        return self.stream is not None and self.stream.tell() >= self.maxBytes


class _JsonLine(logging.Formatter):
    """A record as one JSON object: its message as `event`, its `extra` fields, and the request that it belongs to."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": to_text(datetime.fromtimestamp(record.created, UTC)),
            "service": self._service,
            "request_id": request_ids.current(),
        }
        line.update((name, value) for name, value in vars(record).items() if name not in _STANDARD)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return to_json(line, fallback=str).decode()


def configure(service: str, data_dir: Path, level: str = "INFO") -> None:
    """Send every library's and our own log lines to `<data_dir>/logs/<service>.log` and to stderr."""
    folder = data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = _RotatingFile(folder / f"{service}.log", maxBytes=20_000_000, backupCount=3, encoding="utf-8")
    file.setFormatter(_JsonLine(service))
    _note_only_what_is_written()
    person = logging.StreamHandler(sys.stderr)
    person.setLevel(logging.WARNING)
    person.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[file, person], force=True)
    for noisy in ("urllib3", "_granian", "werkzeug"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def _note_only_what_is_written() -> None:
    """Leave out of each record what no line shows; "Optimization" in Python's logging how-to."""
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


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
        route = request.url_rule.rule if request.url_rule else "unknown"
        log_request(request.method, route, response.status_code, seconds, g.get("user_id"))
        return response


def log_request(method: str, route: str, status: int, seconds: float, user_id: object) -> None:
    """Write the line of one request."""
    _access.info(
        "request",
        extra={
            "method": method,
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 1),
            "user_id": None if user_id is None else str(user_id),
        },
    )
