"""The load generator of the benchmarks, on a server that answers one request in 40 ms."""

import shutil
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from uuid import UUID

import pytest

from benchmarks.wrk import run_wrk

ANSWER_SECONDS = 0.04

pytestmark = [pytest.mark.timing, pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")]


class SlowServer(HTTPServer):
    """One connection at a time; `keys` are the Idempotency-Keys that have come."""

    keys: list[str]


class SlowHandler(BaseHTTPRequestHandler):
    """Answers each request with its X-Request-ID."""

    protocol_version = "HTTP/1.1"
    server: SlowServer

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.keys.append(self.headers["Idempotency-Key"])
        time.sleep(ANSWER_SECONDS)
        self.send_response(200)
        self.send_header("X-Request-ID", self.headers.get("X-Request-ID", ""))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[SlowServer]:
    with SlowServer(("127.0.0.1", 0), SlowHandler) as server:
        server.keys = []
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def routes(tmp_path: Path) -> Path:
    path = tmp_path / "routes"
    path.write_text("token from to\n")
    return path


def test_an_open_loop_counts_the_time_that_requests_wait_for_a_connection(server: SlowServer, routes: Path) -> None:
    run = run_wrk(f"http://127.0.0.1:{server.server_port}", routes, 1, 1, per_second=80)
    assert run.succeeded < 1 / ANSWER_SECONDS * 2.2
    assert 50 < run.succeeded + run.errors < 110, "all that were due, answered or not"
    assert run.p50_ms
    assert run.p50_ms > 5 * ANSWER_SECONDS * 1e3


def test_each_transfer_has_a_random_uuid_as_its_key(server: SlowServer, routes: Path) -> None:
    for _ in range(2):
        run_wrk(f"http://127.0.0.1:{server.server_port}", routes, 1, 1)
    keys = [UUID(key) for key in server.keys]
    assert [str(key) for key in keys] == server.keys
    assert {key.version for key in keys} == {4}
    assert len(set(keys)) == len(keys) > 1 / ANSWER_SECONDS
