"""Admission: how many requests are worked on, and how many may wait for that. The rest is refused at once.

Without it, what is too much waits unseen in the server, all of it is carried out in the end, and everybody waits for
all of it. Waiting takes a thread, so the server needs more threads than may work and wait: the rest of them refuses.
"""

from contextlib import ExitStack

from flask import Flask, g, request

from shared.concurrency.fair_lock import FairLock

DOOR_THREADS = 16
LONGEST_WAIT_SECONDS = 2.0


def install(app: Flask, places: FairLock, *, exempt: tuple[str, ...] = ()) -> None:
    """Let as many requests in at a time as there are `places`, first come, first served.

    Who comes when too many wait already, or has waited for two seconds, is answered 503 with Retry-After. Paths that
    begin like one of `exempt` are let in always: whoever has to know how the process is, above all when it has much to
    do.
    """

    @app.before_request
    def _enter() -> None:
        if not request.path.startswith(exempt):
            g.place = ExitStack()
            g.place.enter_context(places.hold(LONGEST_WAIT_SECONDS))

    @app.teardown_request
    def _leave(_error: BaseException | None) -> None:
        if "place" in g:
            g.pop("place").close()
