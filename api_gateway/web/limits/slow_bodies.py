"""WSGI middleware that limits how many request bodies may come slowly, and for how long.

Only the thread that handles a request can read its body. Without a limit, clients that announce a body and never send
it would hold all threads and all places of `admission`.
"""

import logging
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from api_gateway.web import browser_security
from api_gateway.web.limits.limit_rules import network
from shared.core.errors import RequestTimeout
from shared.http import request_ids
from shared.web import responses
from shared.web.serving import DEFERRED_RESPONSE, DeferredResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CHECK_SECONDS = 0.1
SLOW_CHECKS = 5
MAX_CHECKS = 100
MAX_SLOW = 32
MAX_SLOW_OF_NETWORK = 8
_log = logging.getLogger(__name__)


class SlowBodies:
    """WSGI middleware around `app`. It needs a server with deferred responses, and does nothing without one.

    A body is slow when `SLOW_CHECKS` checks have met it half read, which does not happen to bodies that fit into a
    packet. It is refused with 408 at the check after `MAX_CHECKS`, and as soon as `MAX_SLOW_OF_NETWORK` younger ones
    come from the same network, or `MAX_SLOW` from anywhere. Checks are counted, not seconds, so that nobody is refused
    because this process stood still.
    """

    def __init__(self, app: "WSGIApplication", *, always_https: bool = False) -> None:
        self._app, self._always_https = app, always_https
        self._being_read: dict[_Body, bool] = {}

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Pass the request on to the app, and watch how long its body takes."""
        if deferred := environ.get(DEFERRED_RESPONSE):
            environ["wsgi.input"] = _Body(environ, deferred, self._being_read)
        return self._app(environ, start_response)

    def refuse(self) -> None:
        """Refuse the requests whose bodies exceed a limit. Call it every `CHECK_SECONDS`."""
        being_read = self._being_read.copy()
        for body in being_read:
            body.checks += 1
        slow = [body for body in being_read if body.checks > SLOW_CHECKS]
        slow.sort(key=lambda body: body.checks, reverse=True)  # the oldest first, also of equals
        by_network: Counter[str | None] = Counter()
        refused = 0
        for number, body in enumerate(reversed(slow), start=1):
            by_network[body.network] += 1
            is_one_too_many = number > MAX_SLOW or by_network[body.network] > MAX_SLOW_OF_NETWORK
            if is_one_too_many or body.checks > MAX_CHECKS:
                refused += body.refuse(always_https=self._always_https)
        if refused:
            _log.warning("%d requests were refused because their bodies came too slowly", refused)


class _Body:
    """A request's body, as the app reads it.

    While it is being read it is a key of `being_read`. Whoever takes it out of there decides the request: the reading
    thread, which goes on with it, or `refuse`.
    """

    __slots__ = ("_being_read", "_deferred", "_environ", "_input", "checks")

    def __init__(self, environ: "WSGIEnvironment", deferred: DeferredResponse, being_read: "dict[_Body, bool]") -> None:
        self._environ, self._deferred, self._being_read = environ, deferred, being_read
        self._input: Any = environ["wsgi.input"]
        self.checks = 0

    @property
    def network(self) -> str | None:
        """The network that the request comes from, as rate limits count it."""
        return network(self._environ.get("REMOTE_ADDR"))

    def read(self, size: int | None = None) -> bytes:
        """Return up to `size` bytes, or the rest; nothing when the request was refused meanwhile."""
        self._being_read[self] = True
        data: bytes = self._input.read(size)
        return data if self._being_read.pop(self, False) else b""

    def refuse(self, *, always_https: bool) -> bool:
        """Answer 408 and end the connection, and with it the reading. Return whether that was still possible."""
        if not self._being_read.pop(self, False):
            return False
        failure = responses.failure(RequestTimeout())
        del failure.headers["Content-Length"]
        failure.headers.update(browser_security.headers("https" if always_https else self._environ["wsgi.url_scheme"]))
        failure.headers[request_ids.HEADER] = request_ids.accepted_or_new(self._environ.get("HTTP_X_REQUEST_ID"))
        self._deferred.disconnect(failure.status_code, list(failure.headers.items()), failure.get_data())
        return True
