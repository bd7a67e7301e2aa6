"""Log lines are JSON objects with service and request id, without private data."""

import errno
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, g

from shared.http import request_ids
from shared.web import logs, recording
from shared.web.logs import AnsweredRequest


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure("some-service", tmp_path)
    yield tmp_path / "logs" / "some-service.log"
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(log_file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_file.read_text().splitlines()]


class Stream:
    """A stream that keeps its text."""

    def __init__(self, written: list[str]) -> None:
        self.write: Callable[[str], None] = written.append

    def tell(self) -> int:
        return 0

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def app(log_file: Path) -> Flask:
    app = Flask("logged")
    request_ids.install(app)
    recording.install(app)

    @app.get("/things/<int:number>")
    def thing(number: int) -> str:
        logging.getLogger("somewhere").info("looking at %d", number)
        g.user_id = "user-7"
        return "seen"

    for path in ("/api/live", "/api/health"):
        app.add_url_rule(path, path, lambda: "")
    return app


def test_every_line_names_service_request_level_and_time(app: Flask, log_file: Path) -> None:
    app.test_client().get("/things/7", headers={"X-Request-ID": "abc"})
    line = next(line for line in lines(log_file) if line["event"] == "looking at 7")
    assert (line["service"], line["request_id"], line["level"]) == ("some-service", "abc", "info")
    assert line["timestamp"].endswith("Z")


def test_a_request_is_one_line_without_its_query(app: Flask, log_file: Path) -> None:
    app.test_client().get("/things/7?token=s3cret")
    (line,) = (line for line in lines(log_file) if line["event"] == "request")
    assert (line["method"], line["route"], line["status"]) == ("GET", "/things/<int:number>", 200)
    assert line["user_id"] == "user-7"
    assert line["milliseconds"] >= 0
    assert "s3cret" not in log_file.read_text()


def test_many_requests_are_a_line_each_by_one_write(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handler: Any = logging.getLogger().handlers[0]
    written: list[str] = []
    monkeypatch.setattr(handler, "stream", Stream(written))
    ids = [UUID(int=number) for number in range(3)]
    logs.log_requests([AnsweredRequest("POST", "/things", 201, 0.01, user_id, user_id.hex) for user_id in ids])
    (text,) = written
    assert text.endswith("\n")
    records = [json.loads(line) for line in text.splitlines()]
    assert [(line["user_id"], line["request_id"]) for line in records] == [(str(one), one.hex) for one in ids]
    first = {key: value for key, value in records[0].items() if key not in ("timestamp", "user_id", "request_id")}
    assert first == {
        "event": "request",
        "level": "info",
        "logger": "access",
        "service": "some-service",
        "method": "POST",
        "route": "/things",
        "status": 201,
        "milliseconds": 10.0,
    }


def test_the_line_of_a_batch_has_the_ids_of_its_requests(app: Flask, log_file: Path) -> None:
    @app.post("/batch")
    def batch() -> str:
        recording.name_batched_requests(["abc", None, "def"])
        return "done"

    app.test_client().post("/batch", headers={"X-Request-ID": "ghi"})
    (line,) = (line for line in lines(log_file) if line["event"] == "request")
    assert (line["request_id"], line["request_ids"]) == ("ghi", ["abc", "def"])


def test_an_unknown_path_is_not_logged(app: Flask, log_file: Path) -> None:
    app.test_client().get("/s3cret")
    (line,) = (line for line in lines(log_file) if line["event"] == "request")
    assert (line["route"], line["status"]) == ("unknown", 404)
    assert "s3cret" not in log_file.read_text()


def test_probes_are_not_logged(app: Flask, log_file: Path) -> None:
    for path in ("/api/live", "/api/health", "/metrics"):
        app.test_client().get(path)
    assert lines(log_file) == []


def test_lines_that_can_not_be_written_cost_one_warning_and_no_trace(
    log_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    full = Stream([])
    full.write = fail
    with monkeypatch.context() as patch:
        patch.setattr(logging.getLogger().handlers[0], "stream", full)
        for _ in range(3):
            logging.getLogger("somewhere").info("lost")
    complaint = f"WARNING the log file {log_file} can't be written: [Errno 28] No space left on device\n"
    assert capsys.readouterr().err == complaint


def test_a_trace_is_logged(log_file: Path) -> None:
    try:
        int("out of tune")
    except ValueError:
        logging.getLogger("somewhere").exception("it broke")
    (line,) = lines(log_file)
    assert "ValueError: invalid literal" in line["exception"]


def test_input_can_not_forge_a_log_line(log_file: Path) -> None:
    logging.getLogger("somewhere").warning("name is %s", 'x\n{"event": "forged"}')
    assert len(lines(log_file)) == 1
