"""Files that never change under one address: each address carries a digest of its file and is kept for a year."""

import functools
import hashlib
from pathlib import Path
from typing import Any

from flask import Flask, Response, request, send_from_directory

from shared.access import public
from shared.errors import NotFound

KEPT = "public, max-age=31536000, immutable"
BRIEFLY = "public, max-age=300"


def serve(app: Flask, endpoint: str, url_prefix: str, folder: Path) -> None:
    """Serve the files of `folder` under `url_prefix`; `url_for(endpoint, filename=…)` gives their addresses."""

    @public
    def file(filename: str) -> Response:
        """A file, to be kept as long as its address says."""
        response = send_from_directory(folder, filename)
        response.headers["Cache-Control"] = KEPT if request.args.get("v") == _digest(folder / filename) else BRIEFLY
        return response

    @app.url_defaults
    def _add_digest(asked_endpoint: str, values: dict[str, Any]) -> None:
        if asked_endpoint == endpoint and "filename" in values:
            values["v"] = _digest(folder / values["filename"])

    app.add_url_rule(f"{url_prefix}/<path:filename>", endpoint, file)


@functools.cache
def _digest(path: Path) -> str:
    """Twelve hex digits of the file's SHA-256. Raises NotFound for what is not there."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError:
        raise NotFound from None
