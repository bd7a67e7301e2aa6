"""Admission control: limits how many requests run and how many wait, and refuses the rest immediately.

Without it excess requests would queue up in the server, all would be processed in the end, and all would wait for that.
A waiting request holds a thread, so the server has more threads than may run and wait: the rest refuses.
"""

from collections.abc import Callable
from contextlib import ExitStack

from flask import Flask, g, request

from api_gateway.web.limits.fair_places import FairPlaces

REFUSING_THREADS = 16
LONGEST_WAIT_SECONDS = 2.0


def install(app: Flask, places: FairPlaces, *, client: Callable[[], str], exempt: tuple[str, ...] = ()) -> None:
    """Let at most as many requests run as there are `places`, and share these among the clients.

    `client()` returns the key of the client of the current request.

    A request is answered 503 with Retry-After when too many are waiting, or after `LONGEST_WAIT_SECONDS`. Paths that
    start with one of `exempt` are always admitted: health checks must work under overload above all.
    """

    @app.before_request
    def _enter() -> None:
        if not request.path.startswith(exempt):
            g.place = ExitStack()
            g.place.enter_context(places.hold(client(), LONGEST_WAIT_SECONDS))

    @app.teardown_request
    def _leave(_error: BaseException | None) -> None:
        if "place" in g:
            g.pop("place").close()
