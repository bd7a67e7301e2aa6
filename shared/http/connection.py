"""One HTTP/1.1 connection to another service (RFC 9112): sends requests and reads complete responses.

Responses are parsed by httptools, which binds llhttp, the parser of Node.js. This module adds what llhttp leaves to its
callers: the response to HEAD, the body that ends with the connection, and limits on the size of a head.
"""

import socket
from collections.abc import Mapping
from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser
from urllib3.util.wait import wait_for_read

MAX_HEAD_BYTES = 65536
MAX_HEADERS = 100
_READ_BYTES = 16384
_ALWAYS_WITH_LENGTH = frozenset({"POST", "PUT", "PATCH"})


class Malformed(Exception):
    """The response is not HTTP, or is incomplete."""


class Reply(NamedTuple):
    """A response, and whether the connection can be reused."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    can_be_reused: bool


class _ReplyParser:
    """Parses one final response and skips interim ones (RFC 9110, section 15.2) before it.

    httptools calls the methods `on_…`.
    """

    def __init__(self, *, has_body: bool) -> None:
        self.is_complete = False
        self._parser = HttpResponseParser(self)
        self._has_body = has_body
        self._head_bytes = 0
        self._is_head_complete = self._ends_with_connection = self._can_be_reused = False
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._body: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Parse received bytes; none mean that the server closed the connection. Raises Malformed."""
        if not data:
            if not (self._is_head_complete and self._ends_with_connection):
                raise Malformed("the response ended too early")
            self.is_complete = True
            return
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not self.is_complete:
                raise Malformed(str(error)) from None
            self._can_be_reused = False  # unrequested bytes follow the response
        if not self._is_head_complete:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                raise Malformed("the head of the response is too long")

    def reply(self) -> Reply:
        """Return the complete response."""
        del self._parser  # break the reference cycle, which would keep the body until the next garbage collection
        return Reply(self._status, self._headers, b"".join(self._body), self._can_be_reused)

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise HttpParserError("there is more than one response")
        self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_head_complete:
            return  # a trailer of a chunked body, which is not used
        if len(self._headers) == MAX_HEADERS:
            raise HttpParserError("there are too many headers")
        self._headers.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        self._is_head_complete = self._status >= 200
        self._can_be_reused = self._parser.should_keep_alive()
        framing = {name.lower() for name, _value in self._headers} & {"content-length", "transfer-encoding"}
        self._ends_with_connection = not framing
        self.is_complete = self._is_head_complete and not self._has_body

    def on_body(self, data: bytes) -> None:
        if self.is_complete:
            raise HttpParserError("the response to HEAD has a body")
        self._body.append(data)

    def on_message_complete(self) -> None:
        self.is_complete = self._is_head_complete


class HttpConnection:
    """A connection for consecutive requests. After any error it must be closed."""

    def __init__(self, host: str, port: int, *, timeout_seconds: float | None) -> None:
        """Connect. Raises OSError when nobody listens, TimeoutError among others."""
        self._sock = socket.create_connection((host, port), timeout_seconds)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def was_closed(self, within_seconds: float = 0.0) -> bool:
        """Return whether the server has closed the connection, or sent unrequested bytes."""
        return bool(wait_for_read(self._sock, timeout=within_seconds))

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()

    def exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, *, silence_seconds: float | None
    ) -> Reply:
        """Send a request and return its response. Host and Content-Length are added to `headers`.

        Raises TimeoutError after `silence_seconds` without data, another OSError or Malformed when the response is
        incomplete, and ValueError when the parts would not form exactly one request.
        """
        self._sock.settimeout(silence_seconds)
        self._sock.sendall(self._head(method, target, headers, body) + body)
        parser = _ReplyParser(has_body=method != "HEAD")
        while not parser.is_complete:
            parser.feed(self._sock.recv(_READ_BYTES))
        return parser.reply()

    def _head(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._authority}"]
        lines += (f"{name}: {value}" for name, value in headers.items())
        if (body or method in _ALWAYS_WITH_LENGTH) and "Content-Length" not in headers:
            lines.append(f"Content-Length: {len(body)}")
        if lines[0].count(" ") != 2 or any("\r" in line or "\n" in line for line in lines):
            raise ValueError("the parts of a request must not hold what separates them")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")
