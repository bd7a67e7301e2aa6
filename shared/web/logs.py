"""Logs: one JSON object a line in the service's file, and a line for a person on stderr."""

import logging
import logging.handlers
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pydantic_core import to_json

from shared.core.errors import CannotStart
from shared.core.periods import to_text
from shared.http import request_ids

_access = logging.getLogger("access")
_MANY = "lines"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class AnsweredRequest(NamedTuple):
    """A request that was answered: what its line tells of it."""

    method: str
    route: str
    status: int
    seconds: float
    user_id: object
    request_id: str | None


class _RotatingFile(logging.handlers.RotatingFileHandler):
    """Begins a new file when the present one is large enough."""

    def shouldRollover(self, _record: logging.LogRecord) -> bool:  # noqa: N802 - the name is the base class's
        """Look at the size alone; the base class formats every line twice to know its length beforehand."""
        return self.stream is not None and self.stream.tell() >= self.maxBytes


class _JsonLine(logging.Formatter):
    """A record as one JSON object: its message as `event`, its `extra` fields, and the request that it belongs to.

    A record of many lines has the fields of each under `_MANY`.
    """

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """The line or lines, without the last one's end."""
        common = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": to_text(datetime.fromtimestamp(record.created, UTC)),
            "service": self._service,
            "request_id": request_ids.current(),
        }
        lines = vars(record).get(_MANY) or [self._own_fields(record)]
        return "\n".join(to_json(common | fields, fallback=str).decode() for fields in lines)

    def _own_fields(self, record: logging.LogRecord) -> dict[str, object]:
        fields = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return fields


def configure(service: str, data_dir: Path, level: str = "INFO") -> None:
    """Send every library's and our own log lines to `<data_dir>/logs/<service>.log` and to stderr.

    Raises CannotStart where that file can't be written.
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
    _note_only_what_is_written()
    person = logging.StreamHandler(sys.stderr)
    person.setLevel(logging.WARNING)
    person.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[file, person], force=True)
    for noisy in ("urllib3", "_granian", "werkzeug", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def _note_only_what_is_written() -> None:
    """Leave out of each record what no line shows; "Optimization" in Python's logging how-to."""
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def log_requests(answered: Sequence[AnsweredRequest]) -> None:
    """Write a line for each of at least one request, all by one write: that costs little more than a single line."""
    _access.info("request", extra={_MANY: [_fields(one) for one in answered]})


def _fields(answered: AnsweredRequest) -> dict[str, object]:
    return {
        "request_id": answered.request_id,
        "method": answered.method,
        "route": answered.route,
        "status": answered.status,
        "milliseconds": round(answered.seconds * 1000, 1),
        "user_id": answered.user_id,
    }
