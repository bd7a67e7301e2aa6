"""The transport adapter with broken, kept and silent connections."""

import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
import requests

from shared.http import transport
from shared.http.connection import HttpConnection
from shared.http.transport import LeanAdapter, NotConnected
from tests.support.raw_server import RawServer

pytestmark = pytest.mark.timing


def has_ipv6() -> bool:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Seen: yes\r\n\r\nok"


def answer_once(server: RawServer, connection: socket.socket) -> None:
    server.receive(connection)
    connection.sendall(ANSWER)


def answer_twice(server: RawServer, connection: socket.socket) -> None:
    answer_once(server, connection)
    answer_once(server, connection)


def hang_up_on_the_second(server: RawServer, connection: socket.socket) -> None:
    answer_once(server, connection)
    server.receive(connection)


def hang_up(server: RawServer, connection: socket.socket) -> None:
    server.receive(connection)


def answer_half(server: RawServer, connection: socket.socket) -> None:
    server.receive(connection)
    connection.sendall(ANSWER[:-1])


@pytest.fixture
def adapter() -> Iterator[LeanAdapter]:
    adapter = LeanAdapter()
    yield adapter
    adapter.close()


def send(adapter: LeanAdapter, url: str, method: str = "POST") -> requests.Response:
    request = requests.Request(method, url, data=b"{}" if method == "POST" else None).prepare()
    return adapter.send(request, timeout=(1.0, 1.0))


def test_a_complete_response_is_returned(adapter: LeanAdapter) -> None:
    with closing(RawServer(answer_once)) as server:
        answer = send(adapter, server.url)
    assert (answer.status_code, answer.text, answer.headers["x-seen"]) == (200, "ok", "yes")


@pytest.mark.parametrize("ip", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_a_connection_is_kept(adapter: LeanAdapter, ip: str) -> None:
    with closing(RawServer(answer_twice, ip=ip)) as server:
        assert [send(adapter, server.url).text for _ in range(2)] == ["ok", "ok"]


def test_a_kept_connection_that_was_closed_meanwhile_is_not_used(
    adapter: LeanAdapter, connections: list[HttpConnection]
) -> None:
    with closing(RawServer(answer_once, answer_once)) as server:
        assert send(adapter, server.url).text == "ok"
        assert connections[0].was_closed(within_seconds=5)
        assert send(adapter, server.url).text == "ok"


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[HttpConnection]:
    """Record the connections that are opened during the test."""
    opened: list[HttpConnection] = []

    def connect(*args: Any, **options: Any) -> HttpConnection:
        opened.append(HttpConnection(*args, **options))
        return opened[-1]

    monkeypatch.setattr(transport, "HttpConnection", connect)
    return opened


def test_a_post_is_never_sent_twice(adapter: LeanAdapter) -> None:
    with closing(RawServer(hang_up_on_the_second, answer_once)) as server:
        send(adapter, server.url)
        with pytest.raises(requests.ConnectionError) as raised:
            send(adapter, server.url)
        assert not isinstance(raised.value, NotConnected)
        assert len(server.requests) == 2
        send(adapter, server.url)


def test_a_get_is_retried_once_at_most(adapter: LeanAdapter) -> None:
    with closing(RawServer(hang_up, answer_once)) as server:
        assert send(adapter, server.url, "GET").text == "ok"
    with closing(RawServer(hang_up, hang_up)) as server, pytest.raises(requests.ConnectionError):
        send(adapter, server.url, "GET")


def test_a_single_number_is_a_timeout_too(adapter: LeanAdapter) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        request = requests.Request("GET", f"http://127.0.0.1:{silent.getsockname()[1]}/x").prepare()
        with pytest.raises(requests.ReadTimeout):
            adapter.send(request, timeout=0.1)


def test_an_incomplete_response_is_an_error(adapter: LeanAdapter) -> None:
    with closing(RawServer(answer_half)) as server, pytest.raises(requests.ConnectionError):
        send(adapter, server.url)


def test_a_streamed_answer_is_read_piece_by_piece(adapter: LeanAdapter) -> None:
    with closing(RawServer(answer_once)) as server:
        request = requests.Request("GET", server.url).prepare()
        with adapter.send(request, stream=True, timeout=(1.0, 1.0)) as response:
            assert response.headers["Content-Length"] == "2"
            assert list(response.iter_content(1)) == [b"o", b"k"]


def test_a_streamed_answer_that_ends_too_early_is_an_error(adapter: LeanAdapter) -> None:
    with closing(RawServer(answer_half)) as server:
        request = requests.Request("GET", server.url).prepare()
        with (
            adapter.send(request, stream=True, timeout=(1.0, 1.0)) as response,
            pytest.raises(requests.exceptions.ChunkedEncodingError),
        ):
            list(response.iter_content(1))


def test_a_closed_port_is_not_connected(adapter: LeanAdapter) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotConnected):
        send(adapter, f"http://127.0.0.1:{port}/x")
