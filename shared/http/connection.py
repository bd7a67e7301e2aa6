"""One HTTP/1.1 connection to another service (RFC 9112): a request is written, and its answer read whole.

The standard library's client reads the head of an answer by its parser for mail, and takes 100 µs for an exchange for
which this takes 30. That is felt where every request passes two or three services.
"""

import socket
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from urllib3.util.wait import wait_for_read

LONGEST_LINE = 65536
MOST_HEADERS = 100
_WITHOUT_BODY = frozenset({204, 304})
_SAYS_ITS_LENGTH = frozenset({"POST", "PUT", "PATCH"})


class Malformed(Exception):
    """What came is no HTTP, or ended before it was whole."""


class Reply(NamedTuple):
    """An answer, and whether another request may follow it on the same connection."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes
    may_go_on: bool


class HttpConnection:
    """A connection for one request after the other. After any error it is only good to be closed."""

    def __init__(self, host: str, port: int, *, timeout_seconds: float | None) -> None:
        """Connect. Raises OSError when nobody is there, or not within the timeout."""
        self._sock = socket.create_connection((host, port), timeout_seconds)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._sock.makefile("rb")
        self._authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def was_closed(self, within_seconds: float = 0.0) -> bool:
        """Whether the other side has hung up: what can be read while nothing is asked is the end."""
        return bool(wait_for_read(self._sock, timeout=within_seconds))

    def close(self) -> None:
        """Hang up."""
        self._reader.close()
        self._sock.close()

    def exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, *, silence_seconds: float | None
    ) -> Reply:
        """The answer to a request; `headers` need not name the host or the length.

        Raises TimeoutError after a silence, another OSError or Malformed when the answer does not come whole, and
        ValueError for what would not be one request.
        """
        self._sock.settimeout(silence_seconds)
        self._sock.sendall(self._head(method, target, headers, body) + body)
        status = 100
        while status < 200:  # an interim answer, RFC 9110 section 15.2
            is_current, status, reason = self._status_line()
            fields = list(self._header_lines())
        known = {name.lower(): value.lower() for name, value in fields}
        has_body = method != "HEAD" and status not in _WITHOUT_BODY
        is_framed = not has_body or "transfer-encoding" in known or "content-length" in known
        content = self._body(known) if has_body else b""
        return Reply(status, reason, fields, content, is_current and is_framed and known.get("connection") != "close")

    def _head(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._authority}"]
        lines += (f"{name}: {value}" for name, value in headers.items())
        if (body or method in _SAYS_ITS_LENGTH) and "Content-Length" not in headers:
            lines.append(f"Content-Length: {len(body)}")
        if lines[0].count(" ") != 2 or any("\r" in line or "\n" in line for line in lines):
            raise ValueError("the parts of a request must not hold what separates them")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _status_line(self) -> tuple[bool, int, str]:
        """Whether it is HTTP/1.1, the status, and its reason."""
        version, _, rest = self._line().partition(" ")
        status, _, reason = rest.partition(" ")
        if not version.startswith("HTTP/1.") or len(status) != 3 or not status.isdecimal():
            raise Malformed("the answer does not begin with a status")
        return version == "HTTP/1.1", int(status), reason

    def _header_lines(self) -> Iterator[tuple[str, str]]:
        for _ in range(MOST_HEADERS):
            if not (line := self._line()):
                return
            name, colon, value = line.partition(":")
            if not colon:
                raise Malformed("a header has no value")
            yield name, value.strip(" \t")
        raise Malformed("there are too many headers")

    def _body(self, headers: Mapping[str, str]) -> bytes:
        """The body as RFC 9112 section 6.3 tells its end."""
        if coding := headers.get("transfer-encoding"):
            if coding != "chunked":
                raise Malformed("the body is coded in a way that is not known")
            return b"".join(self._chunks())
        if length := headers.get("content-length"):
            return self._exactly(_number(length, 10))
        return self._reader.read()

    def _chunks(self) -> Iterator[bytes]:
        while size := _number(self._line().partition(";")[0].strip(), 16):
            yield self._exactly(size)
            if self._line():
                raise Malformed("a chunk is longer than it says")
        for _ in self._header_lines():
            pass

    def _exactly(self, length: int) -> bytes:
        data = self._reader.read(length)
        if len(data) < length:
            raise Malformed("the answer ended too early")
        return data

    def _line(self) -> str:
        line = self._reader.readline(LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise Malformed("the answer ended too early, or a line is too long")
        return line.rstrip(b"\r\n").decode("latin-1")


def _number(text: str, base: int) -> int:
    if not text.isalnum():  # int() would take signs, spaces and underscores
        raise Malformed("a length is no number")
    try:
        return int(text, base)
    except ValueError:
        raise Malformed("a length is no number") from None
