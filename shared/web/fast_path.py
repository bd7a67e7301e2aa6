"""WSGI middleware that answers batch endpoints without Flask's request stack.

For a small batch, Flask's request handling takes as long as the view itself. Here the same views answer the same
callers, with the same access log. It handles valid requests only; every other request falls through to Flask, which
writes every refusal.
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
from shared.web import responses
from shared.web.access import access_of
from shared.web.logs import AnsweredRequest
from shared.web.parts import part
from shared.web.recording import Recorder, batched_request_ids
from shared.web.serving import DEFERRED_RESPONSE, add_fast_paths
from shared.web.validation import host_header

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclass(frozen=True)
class _Endpoint:
    """A view without its decorators, the type of its body, and the scope that its caller needs."""

    view: Callable[[BaseModel], Response]
    schema: type[BaseModel]
    scope: str


class FastPath:
    """WSGI middleware in front of `app` for the named POST endpoints, which must be `service_only`."""

    def __init__(self, app: Flask, names: Iterable[str]) -> None:
        self._flask = app
        self._flask_wsgi: WSGIApplication = app.wsgi_app
        self._endpoints = {
            rule.rule: _endpoint(app, rule.endpoint) for rule in app.url_map.iter_rules() if rule.endpoint in names
        }
        self._recorder = part(Recorder, app)

    @property
    def paths(self) -> Iterable[str]:
        """The paths of the endpoints."""
        return self._endpoints.keys()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a valid request here, or pass it on to the app."""
        began_at = time.perf_counter()
        endpoint = self._endpoints.get(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] == "POST" else None
        if endpoint is None or not self._is_eligible(environ, endpoint.scope):
            return self._flask_wsgi(environ, start_response)
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        try:
            json = endpoint.schema.model_validate_json(body)
        except ValidationError:
            environ["wsgi.input"] = BytesIO(body)
            return self._flask_wsgi(environ, start_response)
        request_id = request_ids.accepted_or_new(environ.get("HTTP_X_REQUEST_ID"))
        environ[origins.IS_TRUSTED] = True  # the caller is a service: its token was verified
        with self._flask.app_context(), request_ids.bound(request_id), origins.bound(environ):
            response = _answer(endpoint, json)
            response.headers[request_ids.HEADER] = request_id
            given = _send(response, environ, start_response)
            seconds = time.perf_counter() - began_at
            path, status = environ["PATH_INFO"], response.status_code
            answered = AnsweredRequest("POST", path, status, seconds, None, request_id, batched_request_ids())
            self._recorder.record([answered])
        return given

    def _is_eligible(self, environ: "WSGIEnvironment", scope: str) -> bool:
        length = environ.get("CONTENT_LENGTH") or ""
        if environ.get("CONTENT_TYPE") != responses.JSON or not length.isdecimal():
            return False
        if environ.get("HTTP_CONTENT_ENCODING") or environ.get("QUERY_STRING") or not host_header.is_valid(environ):
            return False
        return int(length) <= self._flask.config["MAX_CONTENT_LENGTH"] and self._is_allowed(environ, scope)

    def _is_allowed(self, environ: "WSGIEnvironment", scope: str) -> bool:
        token = bearer_token(environ.get("HTTP_AUTHORIZATION"))
        try:
            claims = part(TokenVerifier, self._flask).verify(token) if token else None
        except AppError:
            return False
        return isinstance(claims, ServiceClaims) and scope in claims.scopes


def install(app: Flask, *names: str) -> None:
    """Answer requests to these endpoints without Flask's request stack, in threads that keep their places."""
    middleware = FastPath(app, names)
    add_fast_paths(app, middleware.paths)
    app.wsgi_app = middleware  # type: ignore[method-assign]  # Flask's documented way


def _endpoint(app: Flask, name: str) -> _Endpoint:
    decorated = app.view_functions[name]
    view = inspect.unwrap(decorated)
    access, _, scope = str(access_of(decorated)).partition(":")
    if access != "service":
        raise ValueError(f"{name} is not for services alone")
    return _Endpoint(view, get_type_hints(view)["json"], scope)


def _answer(endpoint: _Endpoint, json: BaseModel) -> Response:
    try:
        return endpoint.view(json)
    except Exception as error:
        return responses.failure(responses.to_app_error(error))


def _send(response: Response, environ: "WSGIEnvironment", start_response: "StartResponse") -> list[bytes]:
    """Send the response. With a deferred response it is sent before the access log is written."""
    headers, body = list(response.headers), response.get_data()
    if deferred := environ.pop(DEFERRED_RESPONSE, None):
        deferred.defer()(response.status_code, headers, body)
        return []
    start_response(response.status, headers)
    return [body]
