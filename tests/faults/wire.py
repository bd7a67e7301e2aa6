"""A proxy between two services that applies faults to single requests.

A fault is a function of an Exchange: a received request and the response that may be sent. The moments just before and
just after `deliver` are the named points of the protocol at which a process can be killed.
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
    """A request in the proxy, with the operations of which faults consist."""

    def __init__(self, client: socket.socket, port: int, request: bytes) -> None:
        self._client, self._port, self.request = client, port, request

    def deliver(self) -> bytes:
        """Forward the request and return the response, or empty bytes without one."""
        try:
            with socket.create_connection(("127.0.0.1", self._port), CONNECT_SECONDS) as service:
                service.settimeout(ANSWER_SECONDS)
                service.sendall(self.request)
                with service.makefile("rb") as answers:
                    return read_message(answers)
        except OSError:
            return b""

    def answer(self, answer: bytes) -> None:
        """Send a response to the client; empty bytes reset the connection."""
        if not answer:
            self.reset()
        with contextlib.suppress(OSError):
            self._client.sendall(answer)

    def reset(self) -> None:
        """Reset the connection of the client (RST instead of FIN)."""
        with contextlib.suppress(OSError):
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._client.shutdown(socket.SHUT_RD)

    def hang_up(self) -> None:
        """Close the connection of the client in an orderly way (FIN)."""
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)

    def wait_until_client_gives_up(self) -> None:
        """Send nothing until the client closes the connection."""
        with contextlib.suppress(OSError):
            self._client.settimeout(ANSWER_SECONDS)
            self._client.recv(1)


Fault = Callable[[Exchange], None]


def passed_on(exchange: Exchange) -> None:
    """Forward request and response unchanged."""
    exchange.answer(exchange.deliver())


def reset(exchange: Exchange) -> None:
    """Drop the request and reset the connection."""
    exchange.reset()


def answer_lost(exchange: Exchange) -> None:
    """Deliver the request, drop the response and reset the connection."""
    exchange.deliver()
    exchange.reset()


def half_an_answer(exchange: Exchange) -> None:
    """Deliver the request and truncate the response."""
    answer = exchange.deliver()
    exchange.answer(answer[: len(answer) // 2])
    exchange.hang_up()


def nonsense(exchange: Exchange) -> None:
    """Deliver the request and replace the response by one that is not from the service."""
    exchange.deliver()
    exchange.answer(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n" + b'{"success":true}'
    )


def black_hole(exchange: Exchange) -> None:
    """Drop the request and send no response."""
    exchange.wait_until_client_gives_up()
    exchange.reset()


def silence(exchange: Exchange) -> None:
    """Deliver the request and send no response."""
    exchange.deliver()
    black_hole(exchange)


def late(exchange: Exchange) -> None:
    """Deliver the request after the client has given up."""
    black_hole(exchange)
    exchange.deliver()


def doubled(exchange: Exchange) -> None:
    """Deliver the request twice and return the second response."""
    exchange.deliver()
    passed_on(exchange)


class Wire:
    """A proxy from `port` to `target_port`, with faults on POST requests to paths that begin with `path`."""

    def __init__(self, port: int, target_port: int, path: str) -> None:
        self._faults: queue.SimpleQueue[tuple[Fault, threading.Event]] = queue.SimpleQueue()
        self._first_words = f"POST {path}".encode()
        wire = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    while request := read_message(self.rfile):
                        wire.carry(Exchange(self.connection, target_port, request))

        self._server = _Server(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def inject(self, fault: Fault, *, within_seconds: float = 40.0) -> None:
        """Apply a fault to the next matching request, and wait until it is done."""
        self.inject_later(fault)(within_seconds)

    def inject_later(self, fault: Fault) -> Callable[[float], None]:
        """Apply a fault to the next matching request; return a function that waits for it, given a timeout."""
        done = threading.Event()
        self._faults.put((fault, done))

        def wait(within_seconds: float) -> None:
            assert done.wait(within_seconds), f"no message came for the fault within {within_seconds} s"

        return wait

    def carry(self, exchange: Exchange) -> None:
        """Deliver a request, with the next fault if it matches."""
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
        """Close without a shutdown, which would send a FIN before the RST."""
        assert isinstance(request, socket.socket)
        request.close()


def read_message(stream: BufferedIOBase) -> bytes:
    """Read an HTTP/1.1 message with Content-Length, where none means no body; return empty bytes at the end."""
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
