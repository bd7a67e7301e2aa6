"""A transport for `requests` on kept connections of the standard library, for plain http between the services.

It carries a request for half of what `requests` and urllib3 spend on theirs, which is felt where every request passes.
It knows no proxies, no redirects and no content coding: the services use none of them.
"""

import http.client
from collections import defaultdict, deque
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.util import parse_url
from urllib3.util.wait import wait_for_read

MOST_IDLE = 128
TRIED_TWICE = frozenset({"GET", "HEAD", "OPTIONS"})


class NotConnected(requests.ConnectionError):
    """No connection came about, so nothing can have been sent."""


class LeanAdapter(BaseAdapter):
    """Sends each request once; one that changes nothing a second time, when a connection breaks and is not just silent.

    Raises NotConnected, requests.ReadTimeout, or requests.ConnectionError when the answer did not come whole.
    """

    def __init__(self) -> None:
        super().__init__()
        self._idle: defaultdict[tuple[str, int], deque[http.client.HTTPConnection]] = defaultdict(deque)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        *_others: Any,
        **_more: Any,
    ) -> requests.Response:
        """The answer to a prepared request, always whole.

        `timeout` is (seconds to connect, seconds of silence), or one number for both.
        """
        connect_seconds, silence_seconds = timeout if isinstance(timeout, tuple) else (timeout, timeout)
        tries = 2 if request.method in TRIED_TWICE else 1
        while True:
            tries -= 1
            connection = self._connection(str(request.url), connect_seconds)
            connection.sock.settimeout(silence_seconds)
            try:
                return self._exchange(connection, request)
            except TimeoutError as error:
                connection.close()
                raise requests.ReadTimeout(error, request=request) from None
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if not tries:
                    raise requests.ConnectionError(error, request=request) from None

    def close(self) -> None:
        """Close what is kept."""
        for connections in self._idle.values():
            while connections:
                connections.pop().close()

    def _connection(self, url: str, connect_seconds: float) -> http.client.HTTPConnection:
        """A kept connection that the other side has not closed, or a new one."""
        where = parse_url(url)
        host, port = (where.host or "").strip("[]"), where.port or http.client.HTTP_PORT
        idle = self._idle[host, port]
        while idle:
            connection = idle.pop()
            if connection.sock and not wait_for_read(connection.sock, timeout=0):
                return connection
            connection.close()  # what can be read of an idle connection is its end
        connection = http.client.HTTPConnection(host, port, timeout=connect_seconds)
        try:
            connection.connect()
        except OSError as error:
            raise NotConnected(error) from None
        return connection

    def _exchange(self, connection: http.client.HTTPConnection, request: requests.PreparedRequest) -> requests.Response:
        connection.request(str(request.method), request.path_url, request.body, _plain(request.headers))
        raw = connection.getresponse()
        body = raw.read()
        idle = self._idle[connection.host, connection.port]
        if raw.will_close or len(idle) >= MOST_IDLE:
            connection.close()
        else:
            idle.append(connection)
        return _response(request, raw, body)


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "Accept-Encoding"}


def _response(request: requests.PreparedRequest, raw: http.client.HTTPResponse, body: bytes) -> requests.Response:
    response = requests.Response()
    response.status_code, response.reason = raw.status, raw.reason
    response.headers = CaseInsensitiveDict(raw.getheaders())
    response.raw = BytesIO(body)
    response.url, response.request = str(request.url), request
    return response
