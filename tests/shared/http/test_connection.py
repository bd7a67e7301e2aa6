"""The end of HTTP/1.1 responses, and malformed ones."""

import gc
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from httptools import HttpResponseParser

from shared.http.connection import MAX_HEAD_BYTES, MAX_HEADERS, HttpConnection, Malformed, Reply
from tests.support.raw_server import RawServer

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def server_of(*answers: bytes) -> Iterator[tuple[HttpConnection, list[bytes]]]:
    """Connect to a server that reads a request before each answer, and disconnects after the last."""

    def serve(server: RawServer, connection: socket.socket) -> None:
        for answer in answers:
            server.receive(connection)
            connection.sendall(answer)

    with (
        closing(RawServer(serve)) as server,
        closing(HttpConnection("127.0.0.1", server.port, timeout_seconds=5)) as connection,
    ):
        yield connection, server.requests


def ask(connection: HttpConnection, method: str = "GET", body: bytes = b"", **headers: str) -> Reply:
    return connection.exchange(method, "/x?y=1", headers, body, silence_seconds=5)


def answer_to(answer: bytes, method: str = "GET") -> Reply:
    with server_of(answer) as (connection, _asked):
        return ask(connection, method)


def test_a_request_has_host_headers_and_length() -> None:
    with server_of(PLAIN) as (connection, asked):
        ask(connection, "POST", b"{}", Authorization="Bearer x")
    first, *rest = asked[0].split(b"\r\n")
    assert first == b"POST /x?y=1 HTTP/1.1"
    assert rest[0].startswith(b"Host: 127.0.0.1:")
    assert rest[1:] == [b"Authorization: Bearer x", b"Content-Length: 2", b"", b"{}"]


@pytest.mark.parametrize(("method", "says"), [("POST", True), ("PUT", True), ("GET", False), ("DELETE", False)])
def test_a_post_without_a_body_has_content_length_zero(method: str, says: bool) -> None:
    with server_of(PLAIN) as (connection, asked):
        ask(connection, method)
    assert (b"Content-Length: 0" in asked[0]) is says


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb"])
def test_headers_can_not_be_injected(value: str) -> None:
    with server_of(PLAIN) as (connection, asked):
        with pytest.raises(ValueError, match="separates"):
            connection.exchange("GET", "/x", {"X-Given": value}, b"", silence_seconds=5)
        with pytest.raises(ValueError, match="separates"):
            connection.exchange("GET", f"/x {value}", {}, b"", silence_seconds=5)
        ask(connection)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (PLAIN, b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length:2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok", b"ok"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;x\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
            b"abc0123456789",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + PLAIN, b"ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", b""),
    ],
)
def test_the_length_ends_a_response_and_the_connection_is_reused(answer: bytes, body: bytes) -> None:
    with server_of(answer, PLAIN) as (connection, _asked):
        first = ask(connection)
        assert (first.body, first.can_be_reused) == (body, True)
        assert ask(connection).body == b"ok"


def test_a_response_to_head_has_no_body() -> None:
    with server_of(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", PLAIN) as (connection, _asked):
        assert ask(connection, "HEAD").body == b""
        assert ask(connection).body == b"ok"


def test_a_body_after_a_response_to_head_ends_the_connection() -> None:
    reply = answer_to(PLAIN, "HEAD")
    assert (reply.body, reply.can_be_reused) == (b"", False)


def test_a_response_is_freed_without_garbage_collection() -> None:
    gc.collect()
    gc.disable()
    try:
        answer_to(PLAIN)
        assert not [each for each in gc.get_objects() if isinstance(each, HttpResponseParser)]
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok",
        PLAIN + PLAIN,
        PLAIN + b"\0",
    ],
)
def test_some_responses_end_the_connection(answer: bytes) -> None:
    reply = answer_to(answer)
    assert (reply.body, reply.can_be_reused) == (b"ok", False)


def test_headers_keep_their_order_and_case() -> None:
    reply = answer_to(b"HTTP/1.1 404 Not Found\r\nX-Two:  a, b\t\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n")
    assert reply.status == 404
    assert reply.headers == [("X-Two", "a, b"), ("X-Empty", ""), ("Content-Length", "0")]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        PLAIN[:-1],
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2_0\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nX : 1\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nX: 1\r\n\r\n" * 10_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2 * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * (MAX_HEADERS + 1) + b"\r\n",
    ],
)
def test_an_incomplete_or_invalid_response_is_malformed(answer: bytes) -> None:
    with pytest.raises(Malformed):
        answer_to(answer)


def test_a_read_from_a_silent_server_times_out() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        connection = HttpConnection(*silent.getsockname(), timeout_seconds=5)
        with closing(connection), pytest.raises(TimeoutError):
            connection.exchange("GET", "/x", {}, b"", silence_seconds=0.05)
