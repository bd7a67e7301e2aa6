"""The WSGI server granian, run in a thread of this process. No other module imports granian.

It relies on two private names, so `pyproject.toml` pins granian to one version:

- `granian.server.mt._wsgi_call_wrap` makes the handler of a request from a WSGI app. Only that handler is given
  granian's protocol, by which a response can be sent later and from another thread. granian has no hook around it.
- `MTServer._check_gil` refuses Pythons with a GIL, since several workers would compete for it. Here is one only.
"""

import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Protocol

from granian.constants import HTTPModes, Interfaces, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MTServer, mt

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

WAITING_CONNECTIONS = 1024
HEADER_TIMEOUT_MILLISECONDS = 10_000
KEEP_ALIVE_BUFFER_BYTES = 64 * 1024
SENDING_SECONDS = 0.005


class ChunkedBody(Protocol):
    """A response body in chunks, as granian hands it over."""

    def __next__(self) -> bytes:
        """Return the next chunk."""

    def close(self) -> None:
        """Tell the app that no more chunks are needed."""


class ServerProtocol(Protocol):
    """granian's interface to answer one request, once."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send a complete response."""

    def response_iter(self, status: int, headers: list[tuple[str, str]], body: ChunkedBody) -> None:
        """Send a response in chunks."""


def respond_and_disconnect(protocol: ServerProtocol, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    """Send a response and end the connection, although the request's body has not arrived.

    After an ordinary response hyper, on which granian is built, goes on waiting for the body, and the thread that reads
    it waits as well. It ends a connection only after an error. So this response announces one byte more than it has.
    """

    def chunks() -> Generator[bytes]:
        yield body
        time.sleep(SENDING_SECONDS)  # what was not sent before the error is dropped

    protocol.response_iter(status, [*headers, ("Content-Length", str(len(body) + 1))], chunks())


Handler = Callable[[ServerProtocol, dict[str, Any]], None]
"""Handles one request. The second argument becomes the WSGI environment."""


class _InProcessServer(MTServer):
    def _check_gil(self) -> None:
        """Accept a Python with a GIL."""


def listen(
    app: "WSGIApplication",
    *,
    name: str,
    ip: str,
    port: int,
    threads: int,
    open_connections: int,
    wrap: Callable[[Handler], Handler],
) -> None:
    """Serve HTTP/1.1 until SIGTERM or SIGINT, then accept no connection, finish running requests, and return.

    Requests run in a pool of `threads`, each by the result of `wrap` on granian's own handler. Connections above
    `open_connections` wait until another one is closed.
    """
    module: Any = mt
    make_handler = module._wsgi_call_wrap
    module._wsgi_call_wrap = lambda *args: wrap(make_handler(*args))  # granian has no hook here
    server = _InProcessServer(
        name,
        address=ip,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        runtime_mode=RuntimeModes.st,
        blocking_threads=threads,
        backlog=WAITING_CONNECTIONS,
        backpressure=open_connections,
        http1_settings=HTTP1Settings(
            header_read_timeout=HEADER_TIMEOUT_MILLISECONDS, max_buffer_size=KEEP_ALIVE_BUFFER_BYTES
        ),
        log_level=LogLevels.error,
    )
    server.serve(target_loader=lambda: app, wrap_loader=False)
