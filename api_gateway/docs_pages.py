"""The documentation of /api: one OpenAPI out of the four services', and Swagger UI over it."""

import threading
import time
from typing import Any

from flask import Blueprint, Response, current_app, render_template
from pydantic_core import to_json

from shared import openapi
from shared.access import public
from shared.errors import AppError
from shared.http_client import Peer
from shared.side_by_side import SideBySide

KEPT_SECONDS = 60.0
docs = Blueprint("docs", __name__)


class Documents:
    """The services' OpenAPI documents, asked for side by side when somebody wants them, and kept for a minute."""

    def __init__(self, peers: list[Peer], side_by_side: SideBySide) -> None:
        self._peers, self._side_by_side = peers, side_by_side
        self._lock = threading.Lock()
        self._kept: list[dict[str, Any]] = []
        self._asked_at = float("-inf")

    def get(self) -> list[dict[str, Any]]:
        """Those of the services that answer; what is missing is asked for again the next time."""
        with self._lock:
            if time.monotonic() - self._asked_at > KEPT_SECONDS:
                asked = [self._side_by_side.begin(_ask, peer) for peer in self._peers]
                answered = [document for call in asked if (document := call.result())]
                if len(answered) < len(self._peers):
                    return answered
                self._kept, self._asked_at = answered, time.monotonic()
            return self._kept


@docs.get("/openapi.json")
@public
def document() -> Response:
    """The OpenAPI of everything under /api."""
    documents: Documents = current_app.extensions["documents"]
    merged = openapi.merge(documents.get(), title="Banking API", server="/", under="/api/")
    return Response(to_json(merged), content_type="application/json")


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
