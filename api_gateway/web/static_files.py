"""Static files with a digest in their URL, which clients cache for a year."""

import functools
import hashlib
import mimetypes
from pathlib import Path
from typing import Any

from flask import Flask, Response, request, send_from_directory
from werkzeug.security import safe_join

from api_gateway.web import compression
from shared.core.errors import NotFound
from shared.web.access import public

CACHE_A_YEAR = "public, max-age=31536000, immutable"
CACHE_BRIEFLY = "public, max-age=300"
CODINGS = ("br", "gzip")


def serve(app: Flask, endpoint: str, url_prefix: str, folder: Path) -> None:
    """Serve the files of `folder` under `url_prefix`; `url_for(endpoint, filename=…)` gives their addresses."""

    @public
    def file(filename: str) -> Response:
        """Send the file, compressed if the client accepts that; a URL with its digest is cached for a year."""
        path = Path(safe_join(str(folder), filename) or "")
        response = _compressed_file(path) or send_from_directory(folder, filename)
        if _is_compressible(path):
            response.vary.add("Accept-Encoding")
        response.headers["Cache-Control"] = CACHE_A_YEAR if request.args.get("v") == _digest(path) else CACHE_BRIEFLY
        return response

    @app.url_defaults
    def _add_digest(asked_endpoint: str, values: dict[str, Any]) -> None:
        if asked_endpoint == endpoint and "filename" in values:
            values["v"] = _digest(folder / values["filename"])

    app.add_url_rule(f"{url_prefix}/<path:filename>", endpoint, file)


def _compressed_file(path: Path) -> Response | None:
    """Return the file in a coding that the client accepts; None for plain, as ranges refer to the plain file."""
    coding = compression.negotiated(request.accept_encodings, *CODINGS)
    if coding is None or "Range" in request.headers or not _is_compressible(path):
        return None
    digest = _digest(path)
    response = Response(_compressed(path, coding), mimetype=_type(path))
    response.headers["Content-Encoding"] = coding
    response.set_etag(f"{digest}-{coding}")  # each coding has its own ETag (RFC 9110, section 8.8.3)
    response.make_conditional(request)
    return response


def _is_compressible(path: Path) -> bool:
    return _type(path) in compression.TEXTS and path.is_file() and path.stat().st_size >= compression.MIN_BYTES


def _type(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or ""


@functools.lru_cache(maxsize=256)
def _compressed(path: Path, coding: str) -> bytes:
    return compression.compressed(path.read_bytes(), coding)


@functools.cache
def _digest(path: Path) -> str:
    """Return the first twelve hex digits of the file's SHA-256. Raises NotFound for a missing file."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError:
        raise NotFound from None
