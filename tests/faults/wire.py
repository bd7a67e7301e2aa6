"""A wire between two services that can be hurt: a proxy which does to one message what a fault says.

A fault is a function of an Exchange, which is a request that has come and an answer that may be given. The moments just
before `deliver` and just after it are the named points of the protocol at which a process can be killed.
"""

import contextlib
import queue
import socket
import socketserver
import struct
import threading
from collections.abc import Callable
from io import BufferedIOBase

CONNECT_SECONDS = 2
ANSWER_SECONDS = 20


class Exchange:
    """One request on its way, and what becomes of it."""

    def __init__(self, client: socket.socket, port: int, request: bytes) -> None:
        self._client, self._port, self.request = client, port, request

    def deliver(self) -> bytes:
        """Hand the request on, and give back the answer; nothing when there is none."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), CONNECT_SECONDS) as service:
                service.settimeout(ANSWER_SECONDS)
                service.sendall(self.request)
                with service.makefile("rb") as answers:
                    return read_message(answers)
        except OSError:
            return b""

    def answer(self, answer: bytes) -> None:
        """Let the client have this; without anything to say, the connection is reset."""
        if not answer:
            self.reset()
        with contextlib.suppress(OSError):
            self._client.sendall(answer)

    def reset(self) -> None:
        """Reset the connection: RST instead of FIN."""
        with contextlib.suppress(OSError):
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._client.shutdown(socket.SHUT_RD)

    def hang_up(self) -> None:
        """End the connection in order, as if there were no more to say."""
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)

    def wait_until_client_gives_up(self) -> None:
        """Say nothing until the client closes the connection."""
        with contextlib.suppress(OSError):
            self._client.settimeout(ANSWER_SECONDS)
            self._client.recv(1)


Fault = Callable[[Exchange], None]


def passed_on(exchange: Exchange) -> None:
    """No fault."""
    exchange.answer(exchange.deliver())


def reset(exchange: Exchange) -> None:
    """The request never arrives, and the connection is reset."""
    exchange.reset()


def answer_lost(exchange: Exchange) -> None:
    """What was asked for is done, and the connection is reset before the answer."""
    exchange.deliver()
    exchange.reset()


def half_an_answer(exchange: Exchange) -> None:
    """What was asked for is done, and the answer breaks off in the middle."""
    answer = exchange.deliver()
    exchange.answer(answer[: len(answer) // 2])
    exchange.hang_up()


def nonsense(exchange: Exchange) -> None:
    """What was asked for is done, and something else answers in the service's place."""
    exchange.deliver()
    exchange.answer(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n" + b'{"success":true}'
    )


def black_hole(exchange: Exchange) -> None:
    """The request never arrives, and nobody answers."""
    exchange.wait_until_client_gives_up()
    exchange.reset()


def silence(exchange: Exchange) -> None:
    """What was asked for is done, and nobody answers."""
    exchange.deliver()
    black_hole(exchange)


def late(exchange: Exchange) -> None:
    """The request arrives when the client has long given up."""
    black_hole(exchange)
    exchange.deliver()


def doubled(exchange: Exchange) -> None:
    """The request arrives twice, and the second answer is heard."""
    exchange.deliver()
    passed_on(exchange)


class Wire:
    """Listens on `port`, hands everything on to `target_port`, and is to hurt POSTs to paths that begin with `path`."""

    def __init__(self, port: int, target_port: int, path: str) -> None:
        self._faults: queue.SimpleQueue[tuple[Fault, threading.Event]] = queue.SimpleQueue()
        self._first_words = f"POST {path}".encode()
        wire = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    while request := read_message(self.rfile):
                        wire._carry(Exchange(self.connection, target_port, request))

        self._server = _Server(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def hurt(self, fault: Fault, *, within_seconds: float = 40.0) -> None:
        """Do this to the next message; returns when it is done."""
        self.hurt_later(fault)(within_seconds)

    def hurt_later(self, fault: Fault) -> Callable[[float], None]:
        """Do this to the next message that comes; what is given back waits for its end, for so many seconds."""
        done = threading.Event()
        self._faults.put((fault, done))

        def wait(within_seconds: float) -> None:
            assert done.wait(within_seconds), f"no message came to be hurt within {within_seconds} s"

        return wait

    def _carry(self, exchange: Exchange) -> None:
        fault: Fault = passed_on
        done = threading.Event()
        if exchange.request.startswith(self._first_words):
            with contextlib.suppress(queue.Empty):
                fault, done = self._faults.get_nowait()
        try:
            fault(exchange)
        finally:
            done.set()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def shutdown_request(self, request: object) -> None:
        """Close without the FIN that would come before a RST."""
        assert isinstance(request, socket.socket)
        request.close()


def read_message(stream: BufferedIOBase) -> bytes:
    """One HTTP/1.1 request or answer with a Content-Length (none means no body); nothing at the end of the stream."""
    head = b""
    while line := stream.readline():
        head += line
        if line == b"\r\n":
            return head + stream.read(_length_of_body(head))
    return b""


def _length_of_body(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return 0
