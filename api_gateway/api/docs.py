"""The documentation of /api: one OpenAPI document merged from the four services, and Swagger UI."""

import threading
import time
from typing import Any

from flask import Blueprint, Response, render_template
from pydantic_core import to_json

from api_gateway.web.tools import tools
from shared.concurrency.context_pool import ContextPool
from shared.core.errors import AppError
from shared.http.client import Peer
from shared.web.access import public
from shared.web.validation.openapi_document import merge

CACHE_SECONDS = 60.0
docs = Blueprint("docs", __name__)


class Documents:
    """The merged OpenAPI document. It is fetched from all services in parallel on demand and cached for a minute."""

    def __init__(self, peers: list[Peer], context_pool: ContextPool) -> None:
        self._peers, self._context_pool = peers, context_pool
        self._lock = threading.Lock()
        self._cached = b""
        self._fetched_at = float("-inf")

    def get(self) -> bytes:
        """Return the merged document of the services that answer, as JSON bytes.

        Only a complete document is cached, so a service that was silent is asked again by the next call.
        """
        with self._lock:
            if time.monotonic() - self._fetched_at > CACHE_SECONDS:
                asked = [self._context_pool.submit(_fetch_document, peer) for peer in self._peers]
                answered = [document for call in asked if (document := call.result())]
                merged = to_json(merge(answered, title="Banking API", server="/", under="/api/"))
                if len(answered) < len(self._peers):
                    return merged
                self._cached, self._fetched_at = merged, time.monotonic()
            return self._cached


@docs.get("/openapi.json")
@public
def document() -> Response:
    """Return the OpenAPI document of everything under /api."""
    return Response(tools().openapi_document(), content_type="application/json")


@docs.get("/docs")
@public
def show() -> str:
    """Show Swagger UI."""
    return render_template("docs.html")


def _fetch_document(peer: Peer) -> dict[str, Any] | None:
    try:
        return peer.call("GET", "/openapi.json")
    except AppError:
        return None
