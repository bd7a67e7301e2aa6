"""WSGI middleware that answers batch endpoints without Flask's request stack.

Flask's way from a request to its view and back takes as long as what the view does for a dozen people. So these calls
are answered before it: by the same views, for the same callers, with the same lines in the log. It handles
valid requests here; every other request falls through to Flask, which writes every refusal.
"""

import inspect
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, get_type_hints

from flask import Flask, Response
from pydantic import BaseModel, ValidationError

from shared.core.errors import AppError
from shared.http import origins, request_ids
from shared.security.tokens import ServiceClaims, TokenVerifier, bearer_token
from shared.web import host_header, responses
from shared.web.access import access_of
from shared.web.logs import AnsweredRequest
from shared.web.recording import recorder_of
from shared.web.serving import DEFERRED_RESPONSE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True)
class _Endpoint:
    """A view without its decorators, what its body must be, and the scope that its caller must have."""

    view: Callable[[BaseModel], Response]
    schema: type[BaseModel]
    scope: str


class FastPath:
    """WSGI: before the rest of `app`, for the POST endpoints of those names, which must be `service_only`."""

    def __init__(self, app: Flask, names: Iterable[str]) -> None:
        self._flask = app
        self._flask_wsgi: WSGIApplication = app.wsgi_app
        self._endpoints = {
            rule.rule: _endpoint(app, rule.endpoint) for rule in app.url_map.iter_rules() if rule.endpoint in names
        }
        self._recorder = recorder_of(app)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer here, or let the rest of the app answer."""
        began_at = time.perf_counter()
        endpoint = self._endpoints.get(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] == "POST" else None
        if endpoint is None or not self._may_take(environ, endpoint.scope):
            return self._flask_wsgi(environ, start_response)
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        try:
            asked = endpoint.schema.model_validate_json(body)
        except ValidationError:
            environ["wsgi.input"] = BytesIO(body)
            return self._flask_wsgi(environ, start_response)
        request_id = request_ids.taken_or_made(environ.get("HTTP_X_REQUEST_ID"))
        with self._flask.app_context(), request_ids.held(request_id), origins.held(environ):
            response = _answer(endpoint, asked)
            response.headers[request_ids.HEADER] = request_id
            given = _give(response, environ, start_response)
            seconds = time.perf_counter() - began_at
            path, status = environ["PATH_INFO"], response.status_code
            self._recorder.record([AnsweredRequest("POST", path, status, seconds, None, request_id)])
        return given

    def _may_take(self, environ: "WSGIEnvironment", scope: str) -> bool:
        length = environ.get("CONTENT_LENGTH") or ""
        if environ.get("CONTENT_TYPE") != responses.JSON or not length.isdecimal():
            return False
        if environ.get("HTTP_CONTENT_ENCODING") or environ.get("QUERY_STRING") or not host_header.is_valid(environ):
            return False
        return int(length) <= self._flask.config["MAX_CONTENT_LENGTH"] and self._is_allowed(environ, scope)

    def _is_allowed(self, environ: "WSGIEnvironment", scope: str) -> bool:
        verifier: TokenVerifier = self._flask.extensions["token_verifier"]
        token = bearer_token(environ.get("HTTP_AUTHORIZATION"))
        try:
            claims = verifier.verify(token) if token else None
        except AppError:
            return False
        return isinstance(claims, ServiceClaims) and scope in claims.scopes


def install(app: Flask, *names: str) -> None:
    """Answer calls of these endpoints without Flask's request stack."""
    app.wsgi_app = FastPath(app, names)  # type: ignore[method-assign]  # Flask's own way of adding a middleware


def _endpoint(app: Flask, name: str) -> _Endpoint:
    decorated = app.view_functions[name]
    view = inspect.unwrap(decorated)
    access, _, scope = str(access_of(decorated)).partition(":")
    if access != "service":
        raise ValueError(f"{name} is not for services alone")
    return _Endpoint(view, get_type_hints(view)["json"], scope)


def _answer(endpoint: _Endpoint, asked: BaseModel) -> Response:
    try:
        return endpoint.view(asked)
    except Exception as error:
        return responses.failure(responses.as_told(error))


def _give(response: Response, environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
    """The answer. Where the server takes it at once, nobody waits for its line in the log."""
    headers, body = list(response.headers), response.get_data()
    if deferred := environ.pop(DEFERRED_RESPONSE, None):
        deferred.defer()(response.status_code, headers, body)
        return []
    start_response(response.status, headers)
    return [body]
