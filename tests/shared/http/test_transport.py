"""The transport between the services: what a broken, kept or silent connection means."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import pytest
import requests

from shared.http.transport import LeanAdapter, NotConnected


def has_ipv6() -> bool:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Seen: yes\r\n\r\nok"


class RawServer:
    """Handles each connection by the next of the given functions, and notes what came over it."""

    def __init__(self, *handlers: Callable[["RawServer", socket.socket], None], ip: str = "127.0.0.1") -> None:
        self.requests: list[bytes] = []
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        self._listener = socket.create_server((ip, 0), family=family)
        host = f"[{ip}]" if ":" in ip else ip
        self.url = f"http://{host}:{self._listener.getsockname()[1]}/x"
        self._thread = threading.Thread(target=self._serve, args=(handlers,))
        self._thread.start()

    def receive(self, connection: socket.socket) -> None:
        """Read it whole: closing a connection that holds something unread resets it."""
        data = b""
        while not data.endswith(b"{}" if data.startswith(b"POST") else b"\r\n\r\n"):
            if not (more := connection.recv(65536)):
                return
            data += more
        self.requests.append(data)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # or whoever waits at it would wait for ever
        self._listener.close()
        self._thread.join(5)

    def _serve(self, handlers: tuple[Callable[["RawServer", socket.socket], None], ...]) -> None:
        for handle in handlers:
            with suppress(OSError):
                connection, _ = self._listener.accept()
                with closing(connection):
                    handle(self, connection)


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


def test_an_answer_comes_whole(adapter: LeanAdapter) -> None:
    with closing(RawServer(answer_once)) as server:
        answer = send(adapter, server.url)
    assert (answer.status_code, answer.text, answer.headers["x-seen"]) == (200, "ok", "yes")


@pytest.mark.parametrize("ip", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_a_connection_is_kept(adapter: LeanAdapter, ip: str) -> None:
    with closing(RawServer(answer_twice, ip=ip)) as server:
        assert [send(adapter, server.url).text for _ in range(2)] == ["ok", "ok"]


def test_a_kept_connection_that_was_closed_meanwhile_is_not_used(adapter: LeanAdapter) -> None:
    with closing(RawServer(answer_once, answer_once)) as server:
        assert send(adapter, server.url).text == "ok"
        wait_until_closed(adapter)
        assert send(adapter, server.url).text == "ok"


def wait_until_closed(adapter: LeanAdapter) -> None:
    ((connection,),) = adapter._idle.values()
    assert connection.was_closed(within_seconds=5)


def test_a_change_is_never_sent_twice(adapter: LeanAdapter) -> None:
    with closing(RawServer(hang_up_on_the_second, answer_once)) as server:
        send(adapter, server.url)
        with pytest.raises(requests.ConnectionError) as raised:
            send(adapter, server.url)
        assert not isinstance(raised.value, NotConnected)
        assert len(server.requests) == 2
        send(adapter, server.url)


def test_a_look_is_tried_a_second_time_and_no_third(adapter: LeanAdapter) -> None:
    with closing(RawServer(hang_up, answer_once)) as server:
        assert send(adapter, server.url, "GET").text == "ok"
    with closing(RawServer(hang_up, hang_up)) as server, pytest.raises(requests.ConnectionError):
        send(adapter, server.url, "GET")


def test_silence_is_waited_for_once_by_one_number_too(adapter: LeanAdapter) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        request = requests.Request("GET", f"http://127.0.0.1:{silent.getsockname()[1]}/x").prepare()
        with pytest.raises(requests.ReadTimeout):
            adapter.send(request, timeout=0.1)


def test_half_an_answer_is_none(adapter: LeanAdapter) -> None:
    with closing(RawServer(answer_half)) as server, pytest.raises(requests.ConnectionError):
        send(adapter, server.url)


def test_nobody_there_means_that_nothing_was_sent(adapter: LeanAdapter) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotConnected):
        send(adapter, f"http://127.0.0.1:{port}/x")
