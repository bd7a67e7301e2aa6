import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import requests
from flask import Flask

from shared.core.errors import CannotStart
from shared.web import serving
from tests.support.processes import RunningProcess, eventually, free_ports, is_running, status_of

pytestmark = pytest.mark.timing

SERVICE = """
import sys, threading, time
from flask import Flask, request
from pydantic import Field
from shared.web.access import public
from shared.web.responses import success
from shared.web.application import make_app
from shared.db.database import Database
from shared.web.serving import DEFERRED_RESPONSE, add_fast_paths, serve
from shared.web.settings import Settings
from shared.security.tokens import Revocations, TokenVerifier

class SlowSettings(Settings):
    service_name = "slow-service"
    port: int = Field(validation_alias="SLOW_SERVICE_PORT")

def create_app(settings: SlowSettings) -> Flask:
    verifier = TokenVerifier(lambda: {}, Revocations(lambda cursor: (cursor, [])))
    url = settings.database_url(None, "slow.db")
    app = make_app(settings, verifier=verifier, database=Database(), database_url=url)

    @app.get("/slow")
    @public
    def slow():
        print("began", flush=True)
        time.sleep(1)
        return success(message="done")

    @app.get("/streamed")
    @public
    def streamed():
        return app.response_class(iter(["a", "b"]))

    @app.get("/long")
    @public
    def long():
        return app.response_class(b"x" * 8192 for _ in range(250))

    @app.post("/body")
    @public
    def body():
        return success(length=len(request.get_data()))

    @app.post("/unread")
    @public
    def unread():
        return success(message="it was not read")

    def answering_later(environ, start_response):
        if environ["PATH_INFO"] == "/fast":
            length = len(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
            environ[DEFERRED_RESPONSE].defer()(200, [], f"{threading.get_ident()} read {length}".encode())
            return []
        if environ["PATH_INFO"] != "/later":
            return through_flask(environ, start_response)
        answer = environ[DEFERRED_RESPONSE].defer()
        threading.Timer(1, answer, (201, [("Content-Type", "text/plain")], b"at last")).start()
        print("taken over", flush=True)
        return [b"not sent"]

    through_flask, app.wsgi_app = app.wsgi_app, answering_later
    add_fast_paths(app, ["/fast"])
    return app

serve(create_app, SlowSettings)
"""
Start = Callable[..., RunningProcess]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def start(port: int) -> RunningProcess:
        variables = {"BANK_DATA_DIR": str(tmp_path / "data"), "SLOW_SERVICE_PORT": str(port)}
        return RunningProcess("-c", SERVICE, environment=variables)

    return start


def address_of(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def wait_until_alive(port: int) -> None:
    eventually(lambda: status_of(f"http://127.0.0.1:{port}/api/live") == 200, within_seconds=20)


def test_a_service_runs_in_one_process_and_drains_on_sigterm(start: Start) -> None:
    port = free_ports(1)[0]
    address = f"http://127.0.0.1:{port}"
    answers: list[requests.Response] = []
    with start(port) as service, requests.Session() as session:
        wait_until_alive(port)
        assert not Path(f"/proc/{service.process_id}/task/{service.process_id}/children").read_text()
        session.get(f"{address}/api/live", timeout=5)  # and its connection stays open
        asking = threading.Thread(target=lambda: answers.append(requests.get(f"{address}/slow", timeout=9)))
        asking.start()
        service.wait_for("began")
        service.send(signal.SIGTERM)
        began_at = time.monotonic()
        assert service.wait() == 0
        assert time.monotonic() - began_at < 4
        asking.join()
    assert [answer.status_code for answer in answers] == [200]
    assert not is_running(service.process_id)


def test_a_taken_port_is_refused(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with start(port) as service:
            assert service.wait() == CannotStart.exit_status
            assert f"slow-service can't start: port {port} on 127.0.0.1 is not free" in service.output


def test_an_unusable_data_directory_is_refused(start: Start, tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    with start(free_ports(1)[0]) as service:
        assert service.wait() == CannotStart.exit_status
        assert f"slow-service can't start: the data directory {tmp_path / 'data'} can't be used" in service.output
        assert "Traceback" not in service.output


def test_a_second_process_on_the_same_database_is_refused(start: Start, tmp_path: Path) -> None:
    ports = free_ports(2)
    with start(ports[0]) as first:
        wait_until_alive(ports[0])
        with start(ports[1]) as second:
            assert second.wait() == CannotStart.exit_status
            assert "slow-service can't start" in second.output
            assert f"{tmp_path / 'data' / 'slow.db'} is in use by another process" in second.output
        assert status_of(f"http://127.0.0.1:{ports[0]}/api/health") == 200
        first.send(signal.SIGKILL)
        first.wait()
    with start(ports[1]):
        wait_until_alive(ports[1])


def test_files_of_a_service_are_readable_by_their_owner_only(start: Start, tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with start(port):
        wait_until_alive(port)
        paths = list((tmp_path / "data").rglob("*"))
        assert {path.name for path in paths} >= {"slow.db", "logs", "slow-service.log"}
        assert {oct(path.stat().st_mode & 0o777) for path in paths if path.is_file()} == {"0o600"}
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_a_missing_setting_is_named(tmp_path: Path) -> None:
    with RunningProcess("-c", SERVICE, environment={"BANK_DATA_DIR": str(tmp_path)}) as service:
        assert service.wait() == CannotStart.exit_status
        assert "slow-service can't start: SLOW_SERVICE_PORT is not set: set it" in service.output


def test_idle_connections_do_not_block_requests(start: Start) -> None:
    (port,) = free_ports(1)
    with start(port), ExitStack() as stack:
        wait_until_alive(port)
        for _ in range(150):  # more than there are threads
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            connection.sendall(b"GET /api/live HTTP/1.1\r\nHost: test\r\n\r\n")
        assert requests.get(f"http://127.0.0.1:{port}/api/live", timeout=5).status_code == 200


def test_a_deferred_response_holds_no_thread(start: Start) -> None:
    (port,) = free_ports(1)
    crowd = 150  # more than there are threads
    with start(port), ThreadPoolExecutor(crowd) as pool:
        wait_until_alive(port)
        began_at = time.monotonic()
        answers = list(pool.map(lambda _: requests.get(f"http://127.0.0.1:{port}/later", timeout=9), range(crowd)))
        assert time.monotonic() - began_at < 5
    assert {(answer.status_code, answer.text) for answer in answers} == {(201, "at last")}


def test_no_response_names_the_library_that_serves_it(start: Start) -> None:
    (port,) = free_ports(1)
    with start(port):
        wait_until_alive(port)
        for path in ("/api/live", "/nowhere", "/later", "/streamed"):
            assert requests.get(f"http://127.0.0.1:{port}{path}", timeout=9).headers["Server"] == "bank"


def test_a_shutdown_waits_for_deferred_responses(start: Start) -> None:
    (port,) = free_ports(1)
    with start(port) as service, ThreadPoolExecutor(1) as pool:
        wait_until_alive(port)
        asked = pool.submit(requests.get, f"http://127.0.0.1:{port}/later", timeout=9)
        service.wait_for("taken over")
        service.send(signal.SIGTERM)
        assert service.wait() == 0
        assert asked.result().text == "at last"


def test_a_closed_connection_does_not_affect_other_deferred_responses(start: Start) -> None:
    (port,) = free_ports(1)
    with start(port) as service:
        wait_until_alive(port)
        with pytest.raises(requests.Timeout):
            requests.get(f"http://127.0.0.1:{port}/later", timeout=0.3)
        assert requests.get(f"http://127.0.0.1:{port}/later", timeout=5).status_code == 201
        assert "Traceback" not in service.output


def open_half(stack: ExitStack, port: int, path: str) -> socket.socket:
    """Return a connection that has sent the head of a request and half of its body."""
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
    connection.sendall(f"POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: 20\r\n\r\n0123456789".encode())
    return connection


@pytest.mark.parametrize("path", ["/fast", "/body"])
def test_slow_bodies_do_not_block_other_requests(start: Start, path: str) -> None:
    (port,) = free_ports(1)
    address = address_of(port)
    with start(port), ExitStack() as stack:
        wait_until_alive(port)
        slow = [open_half(stack, port, path) for _ in range(4 * serving.ACTIVE_THREADS)]
        time.sleep(0.3)  # until as many threads as can be are reading
        with ThreadPoolExecutor(30) as pool:
            began_at = time.monotonic()
            fast = [pool.submit(requests.post, f"{address}/fast", data=b"123", timeout=5) for _ in range(10)]
            views = [pool.submit(requests.post, f"{address}/body", data=b"1234", timeout=5) for _ in range(10)]
            reads = [pool.submit(requests.get, f"{address}/api/live", timeout=5) for _ in range(10)]
            assert {one.result().text.partition(" ")[2] for one in fast} == {"read 3"}
            assert {one.result().json()["length"] for one in views} == {4}
            assert {one.result().status_code for one in reads} == {200}
            assert time.monotonic() - began_at < 4
        for connection in slow:
            connection.sendall(b"0123456789")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_slow_readers_of_long_responses_do_not_block_other_requests(start: Start) -> None:
    (port,) = free_ports(1)
    address = address_of(port)
    with start(port) as service:
        wait_until_alive(port)
        with ExitStack() as stack:
            for _ in range(120):  # more than there are threads
                connection = stack.enter_context(socket.socket())
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                connection.connect(("127.0.0.1", port))
                connection.sendall(b"GET /long HTTP/1.1\r\nHost: test\r\n\r\n")
            eventually(lambda: status_of(f"{address}/long") == 503, within_seconds=5)
            assert requests.get(f"{address}/api/live", timeout=2).status_code == 200
            assert requests.get(f"{address}/streamed", timeout=2).text == "ab"
        eventually(lambda: len(requests.get(f"{address}/long", timeout=5).content) == 250 * 8192, within_seconds=5)
        assert "Traceback" not in service.output


def test_only_a_few_threads_are_active() -> None:
    crowd = 30
    app = Flask("threads")
    serving.add_fast_paths(app, ["/fast"])
    served, back = threading.Barrier(crowd), threading.Semaphore(0)
    may_end = threading.Event()

    def serve_and_defer(deferred: Any, _scope: dict[str, Any]) -> None:
        deferred.defer()
        served.wait(30)

    on_request = serving.RequestThreads(app).wrap(serve_and_defer)

    def work() -> None:
        on_request(MagicMock(), {"PATH_INFO": "/fast"})
        back.release()
        may_end.wait(30)

    threads = [threading.Thread(target=work) for _ in range(crowd)]
    for thread in threads:
        thread.start()
    for _ in range(serving.ACTIVE_THREADS):
        assert back.acquire(timeout=30)
    assert not back.acquire(timeout=0.2), "the others are the reserve"
    may_end.set()  # threads that end leave their places to the reserve
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_an_unread_body_does_not_block_its_connection(start: Start) -> None:
    (port,) = free_ports(1)
    crowd = 40

    def ask_thrice(_number: int) -> list[int]:
        with requests.Session() as session:
            return [session.post(f"{address_of(port)}/unread", data=b"123", timeout=5).status_code for _ in "123"]

    with start(port), ThreadPoolExecutor(crowd) as pool:
        wait_until_alive(port)
        assert list(pool.map(ask_thrice, range(crowd))) == [[200] * 3] * crowd


@pytest.mark.parametrize("size", [20, 30_000])
def test_a_client_can_go_on_after_a_body_that_was_refused_unread(start: Start, size: int) -> None:
    (port,) = free_ports(1)
    with start(port), requests.Session() as session:
        wait_until_alive(port)
        for _ in range(200):
            answer = session.post(f"{address_of(port)}/api/live", data=b"x" * size, timeout=5)
            assert (answer.status_code, answer.headers["Connection"]) == (405, "close")
        assert "Connection" not in session.get(f"{address_of(port)}/api/live", timeout=5).headers


def test_an_ended_thread_frees_its_place() -> None:
    threads = serving.RequestThreads(Flask("empty"))
    handle = threads.wrap(lambda _deferred, _scope: None)
    for _ in range(2 * serving.ACTIVE_THREADS):
        ending = threading.Thread(target=handle, args=(None, {"PATH_INFO": "/"}), daemon=True)
        ending.start()
        ending.join(5)
        assert not ending.is_alive()
