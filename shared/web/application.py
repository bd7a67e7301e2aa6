"""The Flask app that every process starts from."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import requests
from flask import Flask, Response, request
from spectree import SpecTree
from werkzeug.exceptions import RequestEntityTooLarge

from shared.concurrency.background import PeriodicTask
from shared.core.errors import CannotStart, PayloadTooLarge
from shared.db.database import Database
from shared.http import request_ids
from shared.http.client import Peer, ServiceToken, make_session
from shared.http.discovery import Directory
from shared.security.tokens import Revocations, TokenVerifier
from shared.web import access, health, metrics, recording, responses
from shared.web.parts import keep
from shared.web.settings import Settings
from shared.web.validation import host_header, openapi, request_text
from shared.web.validation.strict_json import StrictRequest

MAX_BODY_BYTES = 64 * 1024
REVOCATION_POLL_SECONDS = 0.5
USE_REPORT_SECONDS = 30.0
USES_PER_CALL = 1000


class BackgroundTask(Protocol):
    """A part with a thread or a connection, started before the process serves and stopped when it ends."""

    def start(self) -> None:
        """Start the part."""

    def stop(self) -> None:
        """Stop the part."""


@dataclass
class Lifecycle:
    """The background parts of an app. Nothing runs before `start` or after `stop`."""

    parts: list[BackgroundTask] = field(default_factory=list)
    give_up: Callable[[CannotStart], None] = lambda _reason: None
    """Ends the process for a reason found after its start. Does nothing for an app that shares its process."""

    def add(self, part: BackgroundTask) -> None:
        """Add a part, which is started and stopped with the others."""
        self.parts.append(part)

    def start(self) -> None:
        """Start all parts in order."""
        for part in self.parts:
            part.start()

    def stop(self) -> None:
        """Stop all parts in reverse order."""
        while self.parts:
            self.parts.pop().stop()


@dataclass(frozen=True)
class AtEnd:
    """A part that only calls `end` when the process ends."""

    end: Callable[[], None]

    def start(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Call `end`."""
        self.end()


class Peers:
    """The other services as clients of this process, and its own service token."""

    def __init__(self, settings: Settings, session: requests.Session, client_secret: str | None = None) -> None:
        self._settings = settings
        self._session = session
        self.directory = Directory(
            settings.peer_urls, consul_host=settings.consul_host, consul_port=settings.consul_port
        )
        self._by_name: dict[str, Peer] = {}
        self.token = ServiceToken(self["auth-service"], settings.service_name, client_secret or "")

    def __getitem__(self, name: str) -> Peer:
        """Return the peer of that name. It is always the same object, so that all calls share its circuit breaker."""
        if name not in self._by_name:
            self._by_name[name] = Peer(
                name,
                self.directory,
                self._session,
                connect_timeout_seconds=self._settings.connect_timeout_seconds,
                read_timeout_seconds=self._settings.read_timeout_seconds,
                own_token=lambda: self.token.present,
            )
        return self._by_name[name]

    def verifier(self) -> TokenVerifier:
        """Return a verifier with the auth service's keys and ended sessions, which reports the sessions in use."""
        auth = self["auth-service"]

        def ended_since(cursor: int) -> tuple[int, list[str]]:
            answer = self.token.call(auth, "GET", "/internal/revocations", query={"after": cursor})
            verifier.know_keys(answer["key_ids"])
            return int(answer["cursor"]), answer["sessions"]

        def report(used_at: dict[UUID, float]) -> None:
            now = time.time()
            seconds_ago = [(str(session_id), max(0.0, now - at)) for session_id, at in used_at.items()]
            for start in range(0, len(seconds_ago), USES_PER_CALL):
                sessions = dict(seconds_ago[start : start + USES_PER_CALL])
                self.token.call(auth, "POST", "/internal/sessions/used", body={"sessions": sessions})

        verifier = TokenVerifier(lambda: auth.call("GET", "/api/auth/jwks"), Revocations(ended_since), report)
        return verifier


def make_app(
    settings: Settings,
    *,
    verifier: TokenVerifier,
    database: Database | None = None,
    database_url: str = "",
    depends_on: list[Peer] | None = None,
    api: SpecTree | None = None,
    render_error: Callable[[Any], Any] = responses.failure,
    max_body_bytes: int = MAX_BODY_BYTES,
    **flask_options: Any,
) -> Flask:
    """Return an app with strict JSON, request ids, logs, metrics, errors, health, OpenAPI and its database.

    `part(Lifecycle, app)` has the background parts. The caller adds its own and starts them.
    """
    app = Flask(settings.service_name, static_folder=None, **flask_options)
    app.request_class = StrictRequest
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # one spelling per address; a redirect would hide a client's mistake
    lifecycle = Lifecycle()
    request_ids.install(app)
    access.install(app, verifier)
    counts = recording.install(app)
    host_header.install(app)
    request_text.install(app)
    responses.install_error_handlers(app, render_error)
    app.after_request(_announce_end_of_connection)
    app.register_error_handler(RequestEntityTooLarge, lambda _error: render_error(PayloadTooLarge()))
    if database is not None:
        database.connect(app, database_url)
        lifecycle.add(AtEnd(database.close))
    checks = health.install(
        app, settings.service_name, check_database=database.check if database else None, peers=depends_on or []
    )
    keep(app, lifecycle, counts, checks)
    if api is not None:
        openapi.install(app, api)
    lifecycle.add(PeriodicTask(verifier.revocations.poll, name="revocations", interval_seconds=REVOCATION_POLL_SECONDS))
    lifecycle.add(PeriodicTask(counts.sample, name="samples", interval_seconds=metrics.SAMPLE_SECONDS))
    lifecycle.add(PeriodicTask(verifier.report_use, name="session-use", interval_seconds=USE_REPORT_SECONDS))
    return app


def _announce_end_of_connection(response: Response) -> Response:
    """Say that the connection ends when the body of the request was not read (RFC 9112, section 9.3).

    granian closes it then, and the next request of a client that is not told so may fail. Reading the body instead
    would let slow clients hold threads with requests that are refused.
    """
    if isinstance(request, StrictRequest) and request.has_unread_body:
        response.headers["Connection"] = "close"
    return response


__all__ = ["Lifecycle", "Peers", "make_app", "make_session"]
