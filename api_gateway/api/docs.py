"""The documentation of /api: one OpenAPI out of the four services', and Swagger UI over it."""

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
from shared.web.validation import openapi

KEPT_SECONDS = 60.0
docs = Blueprint("docs", __name__)


class Documents:
    """The OpenAPI document of all services, who are asked side by side when somebody wants it; kept for a minute."""

    def __init__(self, peers: list[Peer], context_pool: ContextPool) -> None:
        self._peers, self._context_pool = peers, context_pool
        self._lock = threading.Lock()
        self._kept = b""
        self._asked_at = float("-inf")

    def get(self) -> bytes:
        """The document, as JSON, of the services that answer; what is missing is asked for again the next time."""
        with self._lock:
            if time.monotonic() - self._asked_at > KEPT_SECONDS:
                asked = [self._context_pool.submit(_ask, peer) for peer in self._peers]
                answered = [document for call in asked if (document := call.result())]
                merged = to_json(openapi.merge(answered, title="Banking API", server="/", under="/api/"))
                if len(answered) < len(self._peers):
                    return merged
                self._kept, self._asked_at = merged, time.monotonic()
            return self._kept


@docs.get("/openapi.json")
@public
def document() -> Response:
    """The OpenAPI of everything under /api."""
    return Response(tools().openapi_document(), content_type="application/json")


@docs.get("/docs")
@public
def show() -> str:
    """Swagger UI."""
    return render_template("docs.html")


def _ask(peer: Peer) -> dict[str, Any] | None:
    try:
        return peer.call("GET", "/openapi.json")
    except AppError:
        return None
