"""Logs: JSON lines in the service's file, and warnings as text on stderr."""

import logging
import logging.handlers
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pydantic_core import to_json

from shared.core.errors import CannotStart
from shared.core.periods import to_text
from shared.http import request_ids

_access = logging.getLogger("access")
_LINES = "lines"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class AnsweredRequest(NamedTuple):
    """A request with its response, as the access log shows it."""

    method: str
    route: str
    status: int
    seconds: float
    user_id: object
    request_id: str | None
    request_ids: Sequence[str] = ()
    """The ids of the requests that a batch carries."""


class _RotatingFile(logging.handlers.RotatingFileHandler):
    """A file handler that starts a new file when the current one has reached its maximal size."""

    _may_complain_at = 0.0

    def shouldRollover(self, _record: logging.LogRecord) -> bool:  # noqa: N802 - named by the base class
        """Compare the size only. The base class would format every line twice to know its length beforehand."""
        return self.stream is not None and self.stream.tell() >= self.maxBytes

    def handleError(self, _record: logging.LogRecord) -> None:  # noqa: N802 - named by the base class
        """Say once a minute on stderr that lines are lost. The base class would print a trace for each of them."""
        if time.monotonic() >= self._may_complain_at:
            self._may_complain_at = time.monotonic() + 60
            print(f"WARNING the log file {self.baseFilename} can't be written: {sys.exception()}", file=sys.stderr)  # noqa: T201 - the log itself fails


class _JsonLine(logging.Formatter):
    """A formatter for JSON: the message as `event`, the `extra` fields, and the id of the request.

    A record with several lines has a dict of fields for each under `_LINES`.
    """

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line or lines, without a trailing newline."""
        common = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": to_text(datetime.fromtimestamp(record.created, UTC)),
            "service": self._service,
            "request_id": request_ids.current(),
        }
        lines = vars(record).get(_LINES) or [self._own_fields(record)]
        return "\n".join(to_json(common | fields, fallback=str).decode() for fields in lines)

    def _own_fields(self, record: logging.LogRecord) -> dict[str, object]:
        fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return fields


def configure(service: str, data_dir: Path, level: str = "INFO") -> None:
    """Send all log records, those of libraries too, to `<data_dir>/logs/<service>.log` and warnings to stderr.

    Raises CannotStart when the file can't be written.
    """
    path = data_dir / "logs" / f"{service}.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = _RotatingFile(path, maxBytes=20_000_000, backupCount=3, encoding="utf-8")
    except OSError as error:
        raise CannotStart(
            f"the log file {path} can't be written ({error.strerror}): give it to the user who runs the services, "
            "or set BANK_DATA_DIR to another folder"
        ) from None
    file.setFormatter(_JsonLine(service))
    _disable_unused_fields()
    console = logging.StreamHandler(sys.stderr)
    console.setLevel(logging.WARNING)
    console.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[file, console], force=True)
    for noisy in ("urllib3", "_granian", "werkzeug", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def _disable_unused_fields() -> None:
    """Don't collect fields of records that no line shows; see "Optimization" in Python's logging how-to."""
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def log_requests(answered: Sequence[AnsweredRequest]) -> None:
    """Write a line for each request, all in one write, which costs little more than a single line."""
    _access.info("request", extra={_LINES: [_fields(one) for one in answered]})


def _fields(answered: AnsweredRequest) -> dict[str, object]:
    fields = {
        "request_id": answered.request_id,
        "method": answered.method,
        "route": answered.route,
        "status": answered.status,
        "milliseconds": round(answered.seconds * 1000, 1),
        "user_id": answered.user_id,
    }
    return fields | {"request_ids": answered.request_ids} if answered.request_ids else fields
