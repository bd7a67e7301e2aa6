"""Calls between services: timeouts, kept connections, safe retries, a circuit breaker, uniform errors.

A refusal by the other service is raised as the same error; no answer is raised as ServiceUnavailable.
"""

import threading
import time
from collections.abc import Callable, Iterator
from copy import copy
from typing import Any
from urllib.parse import urlencode

import requests
from pydantic_core import from_json, to_json
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from shared.core.errors import AppError, OutcomeUnknown, ServiceUnavailable, from_response
from shared.http import origins, request_ids
from shared.http.circuit_breaker import CircuitBreaker, CircuitOpen
from shared.http.discovery import Directory
from shared.http.transport import LeanAdapter, NotConnected

CONNECTIONS = 128
PAGE_ROWS = 200  # the longest page of every list
DOCUMENT_SECONDS = 120.0
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class NoAnswer(ServiceUnavailable):
    """The other service did not answer. `may_have_arrived` tells whether it can have received the request."""

    def __init__(self, *, may_have_arrived: bool) -> None:
        super().__init__(retry_after_seconds=1)
        self.may_have_arrived = may_have_arrived


def make_session() -> requests.Session:
    """Return a session that keeps connections, ignores proxy variables, and retries safe methods once."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", LeanAdapter())
    session.mount("https://", HTTPAdapter(pool_maxsize=CONNECTIONS))
    return session


class Peer:
    """Another service, as this process calls it.

    A call goes to the next instance if no connection to the one whose turn it is can be made: nothing was sent then.
    After five calls in a row without an answer the circuit opens: calls fail immediately for a second, then one is
    tried. `own_token` returns this service's token if there is one, which authenticates the origin that a call
    carries on (`shared.http.origins`).
    """

    def __init__(
        self,
        name: str,
        directory: Directory,
        session: requests.Session,
        *,
        connect_timeout_seconds: float = 1.0,
        read_timeout_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        own_token: Callable[[], str | None] = lambda: None,
    ) -> None:
        self.name = name
        self._own_token = own_token
        self._directory = directory
        self._session = session
        self._timeout = (connect_timeout_seconds, read_timeout_seconds)
        self._deadline, self._clock = float("inf"), clock
        self._breaker = CircuitBreaker(clock=clock)

    def until(self, deadline: float) -> "Peer":
        """Return this peer with a deadline, in seconds of its clock.

        Calls of safe methods end by then. Others keep their own timeout, since giving up would leave their outcome
        unknown. Connections and circuit breaker are shared.
        """
        limited = copy(self)
        limited._deadline = deadline
        return limited

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: Any = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send a request and return the JSON of a success. Raises the AppError that the service answered, or NoAnswer.

        `body` may contain pydantic models; None values of `query` are left out.
        """
        response = self.send(method, path, token=token, body=body, query=query, headers=headers)
        answer = _json_of(response)
        if response.ok and isinstance(answer, dict):
            return answer
        raise from_response(response.status_code, answer, _retry_after(response))

    def rows(self, path: str, key: str, *, token: str, query: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Yield the rows under `key` of all pages of a list. Each page is read when its first row is needed."""
        page = {"limit": PAGE_ROWS, **(query or {})}
        while True:
            answer = self.call("GET", path, token=token, query=page)
            yield from answer[key]
            page["cursor"] = answer["pagination"]["next_cursor"]
            if page["cursor"] is None:
                return

    def send(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: Any = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        """Send a request and return the response, whatever its status. Raises NoAnswer."""
        all_headers = _headers_of(token, headers)
        data = b""
        if body is not None:
            data = body if isinstance(body, bytes) else to_json(body)
            all_headers.setdefault("Content-Type", "application/json")
        return self._exchange(method, _target_of(path, query), all_headers, data)

    def document(
        self,
        path: str,
        *,
        token: str,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        """GET a document that may be long. Its body is read piece by piece; the caller closes the response.

        Raises the AppError that the service answered, or NoAnswer.
        """
        response = self.stream(_target_of(path, query), _headers_of(token, headers))
        if response.ok:
            return response
        with response:
            raise from_response(response.status_code, _json_of(response), _retry_after(response))

    def stream(self, target: str, headers: dict[str, str]) -> requests.Response:
        """GET a document, path and query in `target`. Its body is read piece by piece; the caller closes the response.

        A long document may take a while until its first byte. Raises NoAnswer.
        """
        timeout = self._timeout[0], max(self._timeout[1], DOCUMENT_SECONDS)
        return self._exchange("GET", target, headers, b"", stream=True, timeout=timeout)

    def forward(self, method: str, target: str, headers: dict[str, str], body: bytes) -> requests.Response:
        """Forward a request unchanged, with path and query in `target`, and return the response.

        Raises NoAnswer, or OutcomeUnknown when an unsafe request may have arrived.
        """
        try:
            return self._exchange(method, target, headers, body)
        except NoAnswer as silence:
            if silence.may_have_arrived and method not in _SAFE_METHODS:
                raise OutcomeUnknown from None
            raise

    def is_alive(self) -> bool:
        """Return whether the process answers at all, within a second."""
        return self._is_ok("/api/live", read_timeout_seconds=1.0)

    def is_healthy(self) -> bool:
        """Return whether the process reports itself and its dependencies healthy, within three seconds."""
        return self._is_ok("/api/health", read_timeout_seconds=3.0)

    def _is_ok(self, path: str, *, read_timeout_seconds: float) -> bool:
        try:
            url = self._directory.addresses(self.name)[0] + path
            response = self._session.get(url, timeout=(0.5, read_timeout_seconds))
        except requests.RequestException:
            return False
        if response.ok:
            self._breaker.close()  # a health check succeeded, so calls must not be refused any longer
        return response.ok

    def _exchange(
        self,
        method: str,
        target: str,
        headers: dict[str, str],
        body: bytes,
        *,
        stream: bool = False,
        timeout: tuple[float, float] | None = None,
    ) -> requests.Response:
        """Send a prepared request as it is. Skipping its preparation by `requests` saves most of a call's time."""
        timeout = timeout or self._timeout_of(method)
        prepared = requests.PreparedRequest()
        prepared.method = method
        prepared.headers = CaseInsensitiveDict(headers)
        if "X-Forwarded-For" in headers and (own_token := self._own_token()):
            prepared.headers[origins.FORWARDED_BY] = own_token
        if body:
            prepared.body = body
            prepared.headers["Content-Length"] = str(len(body))
        try:
            return self._breaker.call(self._send_to_any, prepared, target, stream=stream, timeout=timeout)
        except CircuitOpen:
            raise NoAnswer(may_have_arrived=False) from None
        except requests.RequestException as error:
            raise NoAnswer(may_have_arrived=not _never_connected(error)) from None

    def _send_to_any(
        self, prepared: requests.PreparedRequest, target: str, *, stream: bool, timeout: tuple[float, float]
    ) -> requests.Response:
        """Send a request to the first instance that accepts a connection, in round-robin order."""
        *addresses, last = self._directory.addresses(self.name)
        for address in addresses:
            try:
                return self._send_to(address + target, prepared, stream=stream, timeout=timeout)
            except requests.RequestException as error:
                if not _never_connected(error):
                    raise
        return self._send_to(last + target, prepared, stream=stream, timeout=timeout)

    def _send_to(
        self, url: str, prepared: requests.PreparedRequest, *, stream: bool, timeout: tuple[float, float]
    ) -> requests.Response:
        prepared.url = url
        return self._session.get_adapter(url).send(prepared, stream=stream, timeout=timeout)

    def _timeout_of(self, method: str) -> tuple[float, float]:
        if method not in _SAFE_METHODS:
            return self._timeout
        connect_seconds, read_seconds = self._timeout
        left_seconds = self._deadline - self._clock()
        if left_seconds <= 0:
            raise NoAnswer(may_have_arrived=False)
        return min(connect_seconds, left_seconds), min(read_seconds, left_seconds)


class ServiceToken:
    """This service's own token, fetched on demand and again shortly before it expires.

    It is issued for client credentials (OAuth 2.0, RFC 6749, section 4.4).
    """

    def __init__(self, auth: Peer, client_id: str, secret: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._auth, self._client_id, self._secret, self._clock = auth, client_id, secret, clock
        self._lock = threading.Lock()
        self._token = ""
        self._good_until = float("-inf")

    def get(self) -> str:
        """Return a token that is valid for at least a minute. Raises NoAnswer or the auth service's refusal."""
        with self._lock:
            if self._clock() >= self._good_until:
                answer = self._auth.call(
                    "POST",
                    "/api/auth/token",
                    body={
                        "grant_type": "client_credentials",
                        "client_id": self._client_id,
                        "client_secret": self._secret,
                    },
                )
                self._token = str(answer["access_token"])
                self._good_until = self._clock() + float(answer["expires_in"]) - 60
            return self._token

    @property
    def present(self) -> str | None:
        """Return the token if it was fetched before and is still valid, else None. Makes no call."""
        return self._token if self._clock() < self._good_until else None

    def forget(self) -> None:
        """Drop the token, which was refused, so that the next call fetches a new one."""
        self._good_until = float("-inf")

    def call(self, peer: Peer, method: str, path: str, **kwargs: Any) -> dict[str, Any]:
        """Call an internal endpoint of `peer` with this token. A token refused as invalid is renewed once."""
        try:
            return peer.call(method, path, token=self.get(), **kwargs)
        except AppError as error:
            if error.status != 401:
                raise
        self.forget()
        return peer.call(method, path, token=self.get(), **kwargs)


def _headers_of(token: str | None, headers: dict[str, str] | None) -> dict[str, str]:
    """Return `headers` with those that every call forwards: the token, the origin, and the id of the request."""
    found = {**origins.forwarded_headers(), **(headers or {})}
    if token:
        found["Authorization"] = f"Bearer {token}"
    if request_id := request_ids.current():
        found[request_ids.HEADER] = request_id
    return found


def _target_of(path: str, query: dict[str, Any] | None) -> str:
    wanted = {key: value for key, value in (query or {}).items() if value is not None}
    return f"{path}?{urlencode(wanted, doseq=True)}" if wanted else path


def _json_of(response: requests.Response) -> Any:
    try:
        return from_json(response.content)
    except ValueError:
        raise NoAnswer(may_have_arrived=True) from None


def _retry_after(response: requests.Response) -> int | None:
    value = response.headers.get("Retry-After", "")
    return int(value) if value.isdigit() else None


def _never_connected(error: requests.RequestException) -> bool:
    """Return whether no connection was established, so that nothing can have been sent."""
    cause = error.args[0] if error.args else None
    return isinstance(error, NotConnected) or isinstance(
        getattr(cause, "reason", None), NewConnectionError | ConnectTimeoutError
    )
