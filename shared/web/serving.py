"""Serving: load settings, build the app, listen, and shut down gracefully.

The WSGI server runs in this process, so there is no child process to orphan and no second start-up. It handles each
request in a thread of its pool (see RequestThreads). On SIGTERM and SIGINT it accepts no new connection, finishes
running requests, and returns.
"""

import gc
import logging
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Set
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from flask import Flask

from shared.concurrency.background import PeriodicTask
from shared.core.errors import CannotStart, ServiceUnavailable
from shared.http.addresses import cannot_listen, listening_ip, why_not_free
from shared.http.discovery import Registration
from shared.security import data_dir
from shared.web import granian_server, logs, responses
from shared.web.application import Lifecycle
from shared.web.granian_server import ChunkedBody, Handler, ServerProtocol
from shared.web.parts import part
from shared.web.settings import Settings

OPEN_CONNECTIONS = 4096
ACTIVE_THREADS = 4
MAX_FAST_SECONDS = 0.05
SLOW_CHECK_SECONDS = 0.025
WHOLE_RESPONSE_BYTES = 256 * 1024
LONG_RESPONSES = 16
DEFERRED_RESPONSE = "server.deferred_response"
FAST_PATHS = "server.fast_paths"
SERVER_HEADER = ("Server", "bank")  # granian names itself otherwise
SendResponse = Callable[[int, list[tuple[str, str]], bytes], None]
S = TypeVar("S", bound=Settings)
_long_responses = threading.Semaphore(LONG_RESPONSES)


class DeferredResponse:
    """The server's side of one request, which an app may keep to answer later and from any thread.

    So no thread has to wait for an answer that comes with a batch. It stands between granian and its WSGI handler, and
    is in the environment as `DEFERRED_RESPONSE`.
    """

    __slots__ = ("_protocol", "is_deferred")

    def __init__(self, protocol: ServerProtocol) -> None:
        self._protocol, self.is_deferred = protocol, False

    def defer(self) -> SendResponse:
        """Return the function that sends the response. The app's own result is dropped; read the body first."""
        self.is_deferred = True
        return self._send

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self._protocol.response_bytes(status, [*headers, SERVER_HEADER], body)

    def disconnect(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send the response, from another thread than the one that reads the body, and end the reading with it.

        The connection ends, one byte before the announced length of the response. The app's own result is dropped.
        """
        self.is_deferred = True
        granian_server.respond_and_disconnect(self._protocol, status, [*headers, SERVER_HEADER], body)

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send the app's response, unless it is deferred."""
        if not self.is_deferred:
            self._send(status, headers, body)

    def response_iter(self, status: int, headers: list[tuple[str, str]], body: ChunkedBody) -> None:
        """Send the app's response, unless it is deferred.

        A body of one chunk or of `WHOLE_RESPONSE_BYTES` is sent whole, so that no thread waits for a client that reads
        slowly. Only `LONG_RESPONSES` threads may do so; then longer bodies are refused.
        """
        if self.is_deferred:
            return
        chunks = iter(body.__next__, None)
        beginning = [*_up_to(WHOLE_RESPONSE_BYTES, chunks)]
        following = [*islice(chunks, 1)]
        try:
            if not following:
                self._send(status, headers, b"".join(beginning))
            elif _long_responses.acquire(blocking=False):
                try:
                    self._protocol.response_iter(status, [*headers, SERVER_HEADER], _join(beginning, following, chunks))
                finally:
                    _long_responses.release()
            else:
                refusal = responses.failure(ServiceUnavailable(retry_after_seconds=1))
                self._send(refusal.status_code, list(refusal.headers.items()), refusal.get_data())
        finally:
            body.close()


def _up_to(size: int, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Return chunks until they have `size` bytes in all, or until the last one."""
    while size > 0 and (chunk := next(chunks, None)) is not None:
        size -= len(chunk)
        yield chunk


def _join(*parts: Iterable[bytes]) -> ChunkedBody:
    return (chunk for part in parts for chunk in part)


def add_fast_paths(app: Flask, paths: Iterable[str]) -> None:
    """Name paths of `app` whose requests are short: they read a small body, and answer later or within a batch."""
    app.extensions.setdefault(FAST_PATHS, set()).update(paths)


class _Place:
    """A place among the active threads. It becomes free when it is left, or when its thread has ended."""

    __slots__ = ("_is_left", "_places")

    def __init__(self, places: threading.Semaphore) -> None:
        self._places, self._is_left = places, False

    def leave(self) -> None:
        if not self._is_left:
            self._is_left = True
            self._places.release()

    __del__ = leave


class _Thread(threading.local):
    place: _Place | None = None


class RequestThreads:
    """The threads of granian's pool: a few active ones, and a reserve.

    Under load as many threads would wake as there are requests, and their competition for the GIL costs a quarter of
    the gateway's CPU time. Yet a thread that runs a view or reads a slow body must not block other requests, and only
    the thread that granian calls can read the body. So `ACTIVE_THREADS` have a place. A thread leaves its place to the
    reserve before a request that may take long, and afterwards waits in the reserve until a place is free.

    Threads keep their places during requests to fast paths. When such a request takes long after all, because its body
    is slow, `give_slow_places_away` frees the place for the reserve.
    """

    def __init__(self, app: Flask) -> None:
        self._fast_paths: Set[str] = app.extensions.get(FAST_PATHS, frozenset())
        self._places = threading.Semaphore(ACTIVE_THREADS)
        self._this = _Thread()
        self._began_at: dict[_Place, float] = {}

    def wrap(self, run: Handler) -> Handler:
        """Return the handler of requests: `run`, with a DeferredResponse in between."""

        def on_request(protocol: ServerProtocol, scope: dict[str, Any]) -> None:
            scope[DEFERRED_RESPONSE] = deferred = DeferredResponse(protocol)
            place = self._this.place
            if place and scope["PATH_INFO"] in self._fast_paths:
                self._began_at[place] = time.monotonic()
                try:
                    run(deferred, scope)
                finally:
                    if self._began_at.pop(place, None) is None:  # None: the place was given away
                        self._this.place = None
            else:
                self._this.place = place = None
                run(deferred, scope)
            if self._this.place is None:
                self._acquire_place(may_wait=deferred.is_deferred or not _has_body(scope))

        return on_request

    def give_slow_places_away(self) -> None:
        """Free the places of slow requests to fast paths. Call it periodically."""
        last = time.monotonic() - MAX_FAST_SECONDS
        for place, began_at in self._began_at.copy().items():
            if began_at < last and self._began_at.pop(place, None) is not None:
                place.leave()

    def _acquire_place(self, *, may_wait: bool) -> None:
        """Wait for a place, unless a body may be unread: its connection would have to wait as well."""
        if self._places.acquire(blocking=may_wait):
            self._this.place = _Place(self._places)


def _has_body(scope: dict[str, Any]) -> bool:
    return scope.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in scope


def serve(create_app: Callable[[S], Flask], settings_type: type[S]) -> None:
    """Run a process: load settings, build the app, listen until SIGTERM or SIGINT, shut down.

    If a setting is wrong, the port is taken or the database is in use, it writes one line with the remedy to stderr and
    exits with the status of CannotStart.
    """
    try:
        settings = settings_type.load()
        data_dir.prepare(settings.data_dir)
        logs.configure(settings.service_name, settings.data_dir, settings.log_level)
        _require_free_port(settings)
        app = create_app(settings)
    except CannotStart as error:
        _print_error(settings_type, error)
        sys.exit(CannotStart.exit_status)
    lifecycle = part(Lifecycle, app)
    lifecycle.add(_registration(settings))
    lifecycle.give_up = partial(_give_up, settings)
    threads = RequestThreads(app)
    lifecycle.add(
        PeriodicTask(threads.give_slow_places_away, name="slow-requests", interval_seconds=SLOW_CHECK_SECONDS)
    )
    lifecycle.start()
    gc.freeze()  # exempt start-up objects from garbage collection, whose full runs stop all threads for some 40 ms
    try:
        _listen(app, settings, threads)
    finally:
        lifecycle.stop()
    logging.shutdown()
    os._exit(0)  # skip the interpreter's finalization: idle threads of granian's pool would abort the process


def _print_error(settings: Settings | type[Settings], error: CannotStart) -> None:
    print(f"{settings.service_name} can't start: {error}", file=sys.stderr, flush=True)  # noqa: T201 - for a person


def _give_up(settings: Settings, reason: CannotStart) -> None:
    """Exit immediately, as a crash would: no running request may be answered any more."""
    _print_error(settings, reason)
    logging.shutdown()
    os._exit(CannotStart.exit_status)


def _listen(app: Flask, settings: Settings, threads: RequestThreads) -> None:
    logging.getLogger(__name__).info("listening on %s:%d", settings.host, settings.port)
    granian_server.listen(
        app.wsgi_app,
        name=settings.service_name,
        ip=listening_ip(settings.host),
        port=settings.port,
        threads=settings.server_threads,
        open_connections=_max_connections(),
        wrap=threads.wrap,
    )


def _max_connections() -> int:
    """Return the maximal number of open connections: at most half of the file limit, which granian raises.

    Idle keep-alive connections count too, so the limit far exceeds the number of threads. And an excess request can be
    refused only on a connection that was accepted.
    """
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(OPEN_CONNECTIONS, files // 2)


def _registration(settings: Settings) -> Registration:
    return Registration(
        settings.service_name,
        settings.host,
        settings.port,
        consul_host=settings.consul_host,
        consul_port=settings.consul_port,
    )


def _require_free_port(settings: Settings) -> None:
    if error := why_not_free(settings.host, settings.port):
        variable = str(type(settings).model_fields["port"].validation_alias)
        name = settings.service_name
        raise cannot_listen(error, settings.host, settings.port, name=name, port_variable=variable)
