"""A server that sends arbitrary bytes, for tests of a client with broken, late and unusual responses."""

import re
import socket
import threading
from collections.abc import Callable
from contextlib import closing, suppress


class RawServer:
    """Handles each connection with the next of the given functions, and records the requests."""

    def __init__(self, *handlers: Callable[["RawServer", socket.socket], None], ip: str = "127.0.0.1") -> None:
        self.requests: list[bytes] = []
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        self._listener = socket.create_server((ip, 0), family=family)
        host = f"[{ip}]" if ":" in ip else ip
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://{host}:{self.port}/x"
        self._thread = threading.Thread(target=self._serve, args=(handlers,))
        self._thread.start()

    def receive(self, connection: socket.socket) -> None:
        """Read and record a complete request. Closing a connection with unread data would reset it."""
        data = b""
        while not _is_whole(data):
            if not (more := connection.recv(65536)):
                return
            data += more
        self.requests.append(data)

    def close(self) -> None:
        """Stop listening and wait for the last handler."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # otherwise a thread in accept() would wait for ever
        self._listener.close()
        self._thread.join(5)

    def _serve(self, handlers: tuple[Callable[["RawServer", socket.socket], None], ...]) -> None:
        for handle in handlers:
            with suppress(OSError):
                connection, _ = self._listener.accept()
                with closing(connection):
                    handle(self, connection)


def _is_whole(request: bytes) -> bool:
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
    return bool(end) and len(body) >= int(length[1] if length else 0)
