"""Slow bodies are limited in number and time: their connections are closed, and other requests are served."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import requests

from api_gateway.web.limits import slow_bodies
from api_gateway.web.limits.slow_bodies import SlowBodies
from shared.web.serving import DEFERRED_RESPONSE
from tests.support.processes import RunningProcess, eventually, free_ports, status_of

pytestmark = pytest.mark.timing

SERVICE = """
from flask import Flask, request
from pydantic import Field
from api_gateway.web.limits import slow_bodies
from shared.concurrency.background import PeriodicTask
from shared.security.tokens import Revocations, TokenVerifier
from shared.web.access import public
from shared.web.application import Lifecycle, make_app
from shared.web.parts import part
from shared.web.responses import success
from shared.web.serving import serve
from shared.web.settings import Settings

slow_bodies.MAX_SLOW_OF_NETWORK = 3

class ReadingSettings(Settings):
    service_name = "reading-service"
    port: int = Field(validation_alias="READING_SERVICE_PORT")

def create_app(settings: ReadingSettings) -> Flask:
    app = make_app(settings, verifier=TokenVerifier(lambda: {}, Revocations(lambda cursor: (cursor, []))))

    @app.post("/body")
    @public
    def body():
        return success(length=len(request.get_data()))

    app.wsgi_app = bodies = slow_bodies.SlowBodies(app.wsgi_app)
    part(Lifecycle, app).add(PeriodicTask(bodies.refuse, name="slow-bodies", interval_seconds=0.01))
    return app

serve(create_app, ReadingSettings)
"""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of a service with four threads, which allows three slow bodies for a second."""
    port = free_ports(1)[0]
    variables = {"BANK_DATA_DIR": str(tmp_path / "data"), "READING_SERVICE_PORT": str(port), "BANK_THREADS": "4"}
    with RunningProcess("-c", SERVICE, environment=variables):
        eventually(lambda: status_of(f"http://127.0.0.1:{port}/api/live") == 200, within_seconds=20)
        yield port


def begin_body(port: int) -> socket.socket:
    """Send the head of a request and half of its body."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=8)
    connection.sendall(b"POST /body HTTP/1.1\r\nHost: bank\r\nX-Request-ID: slow-1\r\nContent-Length: 10\r\n\r\n12345")
    return connection


def read_to_end(connection: socket.socket) -> tuple[bytes, bytes]:
    """Read until the server closes the connection. Return head and body of the response."""
    with connection, connection.makefile("rb") as file:
        head, _, body = file.read().partition(b"\r\n\r\n")
        return head, body


def require_refusals(connections: list[socket.socket]) -> None:
    """Check that the server has closed the connections, and has told most of them why."""
    responses = [read_to_end(connection) for connection in connections]
    told = [(head, body) for head, body in responses if head]
    assert len(told) > len(connections) / 2
    for head, body in told:
        assert head.startswith(b"HTTP/1.1 408 ")
        assert b"x-request-id: slow-1" in head.lower()
        assert b"x-content-type-options: nosniff" in head.lower()
        assert json.loads(body)["error_code"] == "REQUEST_TIMEOUT"


def test_slow_bodies_leave_threads_to_others(port: int) -> None:
    connections = [begin_body(port) for _ in range(12)]
    require_refusals(connections[:9])  # the oldest, whose places go to the younger ones
    assert requests.post(f"http://127.0.0.1:{port}/body", data=b"123", timeout=1).json()["length"] == 3
    for connection in connections[9:]:
        with connection:
            connection.sendall(b"67890")
            assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_never_ends_is_refused_after_the_longest_time(port: int) -> None:
    require_refusals([begin_body(port)])


class Client:
    """A client whose body is read by an app in a thread of its own."""

    def __init__(self, bodies: SlowBodies, address: str) -> None:
        self._is_being_read = threading.Event()
        self.chunks: SimpleQueue[bytes] = SimpleQueue()
        self.statuses: list[int] = []
        environ = {"wsgi.input": self, DEFERRED_RESPONSE: self, "REMOTE_ADDR": address, "wsgi.url_scheme": "http"}
        self._thread = threading.Thread(target=bodies, args=(environ, None))
        self._thread.start()
        assert self._is_being_read.wait(5)

    def read(self, _size: int | None) -> bytes:
        self._is_being_read.set()
        return self.chunks.get()

    def disconnect(self, status: int, _headers: list[tuple[str, str]], _body: bytes) -> None:
        self.statuses.append(status)

    def send(self, chunk: bytes) -> None:
        self.chunks.put(chunk)
        self._thread.join()


class Shop:
    """An app that reads bodies, and keeps what it has read."""

    def __init__(self) -> None:
        self.read: list[bytes] = []
        self.bodies = SlowBodies(self._app)
        self.clients: list[Client] = []

    def enter(self, address: str = "192.0.2.1") -> Client:
        self.clients.append(Client(self.bodies, address))
        return self.clients[-1]

    def _app(self, environ: dict[str, Any], _start_response: object) -> list[bytes]:
        self.read.append(environ["wsgi.input"].read(10))
        return []


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(slow_bodies, "SLOW_CHECKS", 0)
    shop = Shop()
    yield shop
    for client in shop.clients:
        client.send(b"")


def refused(clients: list[Client]) -> list[bool]:
    return [client.statuses == [408] for client in clients]


def test_the_oldest_of_a_network_are_refused_and_others_are_not(shop: Shop) -> None:
    stranger = shop.enter("198.51.100.1")
    clients = [shop.enter(f"2001:db8::{number}") for number in range(slow_bodies.MAX_SLOW_OF_NETWORK + 2)]
    shop.bodies.refuse()
    assert refused(clients)[:2] == [True, True]
    assert not stranger.statuses


def test_many_networks_have_a_limit_together(shop: Shop) -> None:
    clients = [shop.enter(f"192.0.2.{number}") for number in range(slow_bodies.MAX_SLOW + 1)]
    shop.bodies.refuse()
    assert refused(clients) == [True] + [False] * slow_bodies.MAX_SLOW


def test_a_refused_body_is_not_handled_even_if_it_comes_after_all(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_bodies, "MAX_CHECKS", 0)
    client = shop.enter()
    shop.bodies.refuse()
    client.send(b"too late")
    assert shop.read == [b""]


def test_a_body_that_has_come_is_not_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_bodies, "MAX_CHECKS", 0)
    client = shop.enter()
    client.send(b"in time")
    shop.bodies.refuse()
    assert shop.read == [b"in time"]
    assert not client.statuses
