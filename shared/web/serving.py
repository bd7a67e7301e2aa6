"""Serving: from settings to a listening process, and to its orderly end.

The WSGI server runs in this process, where there is no child to orphan and no second start-up, and handles each request
in a thread of its pool (see _Threads). SIGTERM and SIGINT drain: no new connection, running requests end, then this
returns.
"""

import gc
import logging
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from flask import Flask

from shared.concurrency.background import PeriodicTask
from shared.core.errors import CannotStart
from shared.http.addresses import cannot_listen, listening_ip, why_not_free
from shared.http.discovery import Registration
from shared.security import data_dir
from shared.web import granian_server, logs
from shared.web.application import lifecycle_of
from shared.web.granian_server import Handler, ServerProtocol
from shared.web.settings import Settings

OPEN_CONNECTIONS = 4096
ACTIVE_THREADS = 8
LONGEST_FAST_SECONDS = 0.05
LOOK_SECONDS = 0.025
DEFERRED_RESPONSE = "server.deferred_response"
FAST_PATHS = "server.fast_paths"
SendResponse = Callable[[int, list[tuple[str, str]], bytes], None]
S = TypeVar("S", bound=Settings)


class DeferredResponse:
    """The server's end of one request, which an app may take over to answer later and from any thread.

    So no thread has to wait for an answer that comes with many others. It stands between granian and its own WSGI,
    and is found in the environment as `DEFERRED_RESPONSE`.
    """

    __slots__ = ("_protocol", "is_deferred")

    def __init__(self, protocol: ServerProtocol) -> None:
        self._protocol, self.is_deferred = protocol, False

    def defer(self) -> SendResponse:
        """What to answer by, once; what the app returns now is not sent. The body has to be read before."""
        self.is_deferred = True
        return self._protocol.response_bytes

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer now, by granian's WSGI."""
        if not self.is_deferred:
            self._protocol.response_bytes(status, headers, body)

    def response_iter(self, status: int, headers: list[tuple[str, str]], body: Iterable[bytes]) -> None:
        """The same, piece by piece."""
        if not self.is_deferred:
            self._protocol.response_iter(status, headers, body)


def add_fast_paths(app: Flask, paths: Iterable[str]) -> None:
    """Name the paths of `app` whose requests only read their bodies and are answered later (see DeferredResponse)."""
    app.extensions[FAST_PATHS] = frozenset(paths)


class _Place:
    """One of so many places. It is free again when it is left, and when the thread that had it has ended."""

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


class _Threads:
    """The threads of granian's pool: a few that take requests, and a reserve.

    A crowd wakes as many threads as it has requests, and their competition for the interpreter costs a quarter of the
    gateway's processor. Yet a thread that runs a view or reads a slow body must keep no other request waiting, and only
    the thread that granian calls can read the body. So `ACTIVE_THREADS` have a place. A thread gives its place up to
    one of the reserve before a request that may last, and rests in the reserve afterwards until there is a place again.

    Threads keep their places while they run requests to fast paths. Where such a request does last, because its body
    is slow, `give_slow_places_away` lets the reserve have the place.
    """

    def __init__(self, app: Flask) -> None:
        self._fast_paths: frozenset[str] = app.extensions.get(FAST_PATHS, frozenset())
        self._places = threading.Semaphore(ACTIVE_THREADS)
        self._this = _Thread()
        self._began_at: dict[_Place, float] = {}

    def wrap(self, run: Handler) -> Handler:
        """Return the handler of the server's requests: `run`, with a DeferredResponse in between."""

        def on_request(protocol: ServerProtocol, scope: dict[str, Any]) -> None:
            scope[DEFERRED_RESPONSE] = deferred = DeferredResponse(protocol)
            place = self._this.place
            if place and scope["PATH_INFO"] in self._fast_paths:
                self._began_at[place] = time.monotonic()
                try:
                    run(deferred, scope)
                finally:
                    if self._began_at.pop(place, None) is None:  # it was given away
                        self._this.place = None
            else:
                self._this.place = place = None
                run(deferred, scope)
            if self._this.place is None:
                self._take_place(may_rest=deferred.is_deferred or not _has_body(scope))

        return on_request

    def give_slow_places_away(self) -> None:
        """Take the places of requests to fast paths that last; to be called again and again."""
        last = time.monotonic() - LONGEST_FAST_SECONDS
        for place, began_at in self._began_at.copy().items():
            if began_at < last and self._began_at.pop(place, None) is not None:
                place.leave()

    def _take_place(self, *, may_rest: bool) -> None:
        """Wait for a place, but not with a body that may be unread: its connection would have to wait as well."""
        if self._places.acquire(blocking=may_rest):
            self._this.place = _Place(self._places)


def _has_body(scope: dict[str, Any]) -> bool:
    return scope.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in scope


def serve(create_app: Callable[[S], Flask], settings_type: type[S]) -> None:
    """Run one process: read settings, make the app, listen until SIGTERM or SIGINT, end in order.

    Where it can't start for something that a person can mend (a setting, a taken port, a database in use), it ends with
    one line on stderr that says so, and with the status of CannotStart.
    """
    try:
        settings = settings_type.load()
        data_dir.prepare(settings.data_dir)
        logs.configure(settings.service_name, settings.data_dir, settings.log_level)
        _require_free_port(settings)
        app = create_app(settings)
    except CannotStart as error:
        _tell(settings_type, error)
        sys.exit(CannotStart.exit_status)
    lifecycle = lifecycle_of(app)
    lifecycle.add(_registration(settings))
    lifecycle.give_up = partial(_give_up, settings)
    threads = _Threads(app)
    lifecycle.add(PeriodicTask(threads.give_slow_places_away, name="slow-requests", interval_seconds=LOOK_SECONDS))
    lifecycle.start()
    gc.freeze()  # what is there now stays: going through it in every collection stops all threads for some 40 ms
    try:
        _listen(app, settings, threads)
    finally:
        lifecycle.stop()
    logging.shutdown()
    os._exit(0)  # idle threads of granian's pool would abort the process when the interpreter takes itself apart


def _tell(settings: Settings | type[Settings], error: CannotStart) -> None:
    print(f"{settings.service_name} can't start: {error}", file=sys.stderr, flush=True)  # noqa: T201 - for a person


def _give_up(settings: Settings, reason: CannotStart) -> None:
    """End at once, as a crash would: nothing that is under way may be told any more."""
    _tell(settings, reason)
    logging.shutdown()
    os._exit(CannotStart.exit_status)


def _listen(app: Flask, settings: Settings, threads: _Threads) -> None:
    logging.getLogger(__name__).info("listening on %s:%d", settings.host, settings.port)
    granian_server.listen(
        app.wsgi_app,
        name=settings.service_name,
        ip=listening_ip(settings.host),
        port=settings.port,
        threads=settings.server_threads,
        open_connections=_room_for_connections(),
        wrap=threads.wrap,
    )


def _room_for_connections() -> int:
    """How many connections may be open: at most half of all files, whose limit granian has raised as far as it may.

    It is far more than there are threads, since idle connections count too and must not keep others from asking, and
    what is too much can be refused only on a connection that was taken.
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
