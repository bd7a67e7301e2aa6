"""Response compression (RFC 9110, section 8.4).

The BREACH attack reads a secret from the length of a compressed page that also contains text of the attacker. So a page
that may reflect its request is not compressed, and the others are padded (docs/SECURITY.md).
"""

import hashlib
import secrets
from collections.abc import Callable
from gzip import GzipFile
from io import BytesIO

import brotli
from flask import Flask, Request, Response, request
from werkzeug.datastructures import Accept

MIN_BYTES = 1024
QUICK_LEVEL, BEST_LEVEL = 6, 9
MAX_PADDING_BYTES = 100
TEXTS = frozenset(
    {
        "application/javascript",
        "application/json",
        "application/xml",
        "image/svg+xml",
        "text/css",
        "text/csv",
        "text/html",
        "text/javascript",
        "text/plain",
    }
)
_KEY = secrets.token_bytes(32)


def install(app: Flask, *, is_of_browser: Callable[[], bool]) -> None:
    """Compress each text response of `app` above a kilobyte, if the client accepts gzip.

    `is_of_browser` tells whether the current request comes with a browser's cookie. Its response is padded, and not
    compressed when it may reflect the request: one with a query, not a GET, or failed.
    """

    @app.after_request
    def _compress(response: Response) -> Response:
        length = response.content_length
        if length is None or length < MIN_BYTES or not _may_be_compressed(response):
            return response
        response.vary.add("Accept-Encoding")
        has_secrets = is_of_browser()
        if (has_secrets and _may_reflect(request, response)) or not negotiated(request.accept_encodings, "gzip"):
            return response
        body = response.get_data()
        response.set_data(_gzip(body, QUICK_LEVEL, padding_for(body) if has_secrets else 0))
        response.headers["Content-Encoding"] = "gzip"
        return response


def negotiated(accepted: Accept, *offered: str) -> str | None:
    """Return the first of `offered` codings that the client prefers (RFC 9110, section 12.5.3); None for no coding."""
    best = max(offered, key=accepted.quality)
    is_named = any(coding.lower() == "identity" for coding, _ in accepted)
    least = accepted.quality("identity") if is_named else 0
    return best if accepted.quality(best) > 0 and accepted.quality(best) >= least else None


def compressed(body: bytes, coding: str) -> bytes:
    """Compress `body` as `gzip` or `br` at a high level, for responses that are cached."""
    if coding == "br":
        found: bytes = brotli.compress(body, mode=brotli.MODE_TEXT, quality=BEST_LEVEL)
        return found
    return _gzip(body, BEST_LEVEL)


def _may_be_compressed(response: Response) -> bool:
    is_whole = response.status_code not in (204, 206, 304) and not response.is_streamed
    is_plain = "Content-Encoding" not in response.headers and "ETag" not in response.headers
    return is_whole and is_plain and response.mimetype in TEXTS


def _may_reflect(asked: Request, response: Response) -> bool:
    return bool(asked.query_string) or asked.method not in ("GET", "HEAD") or response.status_code >= 400


def _gzip(body: bytes, level: int, padding: int = 0) -> bytes:
    """Compress by gzip (RFC 1952). The padding is the file name in the header, which clients ignore."""
    written = BytesIO()
    with GzipFile("x" * padding, "wb", level, written, mtime=0) as file:
        file.write(body)
    return written.getvalue()


def padding_for(body: bytes) -> int:
    """Return a padding length that is secret, but constant for a body, so that repeated requests reveal nothing."""
    digest = hashlib.blake2b(body, key=_KEY, digest_size=4).digest()
    return int.from_bytes(digest) % (MAX_PADDING_BYTES + 1)
