"""One rule for all text from clients: UTF-8 without NUL, else 400 naming the field.

PostgreSQL can store neither a NUL nor a lone surrogate, and SQLite's functions end a text at a NUL. `install` checks
address and headers of each request before anything reads them; `StrictRequest` checks a body, JSON or form, when it is
read.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from flask import Flask, request

from shared.core.errors import InvalidRequest

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

NOT_STORABLE = "must be UTF-8 text without NUL characters"


def is_storable(text: str) -> bool:
    """Return whether every database can store `text`. Bytes that are not UTF-8 are lone surrogates in it."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def displayable(name: str) -> str:
    """Replace characters of a client's field name that a response can't hold."""
    return name.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def parameters(encoded: bytes) -> dict[str, str]:
    """Return the values of a query or an urlencoded body by name.

    Raises InvalidRequest naming the parameter that is given twice or is not storable, and for one without a name.
    """
    pairs = decoded(encoded)
    values = dict(pairs)
    if "" in values:
        raise InvalidRequest.of("query", "has a value without a name")
    if len(values) != len(pairs):
        ((name, _times),) = Counter(name for name, _ in pairs).most_common(1)
        raise InvalidRequest.of(name, "is given twice")
    return values


def decoded(encoded: bytes) -> list[tuple[str, str]]:
    """Return the names and values of a query or an urlencoded body.

    Raises InvalidRequest naming the first that is not storable.
    """
    text = encoded.decode("utf-8", "surrogateescape")
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    refuse_unstorable(pairs)
    return pairs


def refuse_unstorable(pairs: Iterable[tuple[str, str]]) -> None:
    """Raise InvalidRequest naming the first parameter or field that is not storable."""
    for name, value in pairs:
        if not (is_storable(name) and is_storable(value)):
            raise InvalidRequest.of(displayable(name) or "query", NOT_STORABLE)


def install(app: Flask) -> None:
    """Answer 400 to each request of `app` whose address or headers are not storable."""

    @app.before_request
    def _check() -> None:
        if header := _faulty_header(request.environ):
            raise InvalidRequest.of(header, NOT_STORABLE)
        if not is_storable(_path(request.environ)):
            raise InvalidRequest.of("path", NOT_STORABLE)
        decoded(request.query_string)


def _faulty_header(environ: "WSGIEnvironment") -> str | None:
    """Return the name of the first header with a NUL. Other bytes are allowed (RFC 9110, section 5.5)."""
    for name, value in environ.items():
        if name.startswith("HTTP_") and "\0" in value:
            return name.removeprefix("HTTP_").replace("_", "-").title()
    return None


def _path(environ: "WSGIEnvironment") -> str:
    """Decode the path, whose bytes WSGI carries as Latin-1 (PEP 3333)."""
    return str(environ["PATH_INFO"]).encode("latin-1").decode("utf-8", "surrogateescape")
