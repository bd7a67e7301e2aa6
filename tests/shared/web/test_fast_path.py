"""The fast path answers like Flask, and passes invalid requests on to Flask."""

import logging
from typing import Any
from uuid import uuid4

import pytest
from flask import Blueprint, Flask, Response, current_app
from flask.testing import FlaskClient
from pydantic import BaseModel
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from shared.core.errors import Conflict
from shared.http import request_ids
from shared.security.tokens import Claims, ServiceClaims, UserClaims
from shared.web import fast_path, logs, recording
from shared.web.access import private, service_only
from shared.web.responses import install_error_handlers, success
from shared.web.serving import DEFERRED_RESPONSE
from shared.web.validation import host_header
from shared.web.validation.openapi import Answer, Body, documented, make_api
from shared.web.validation.strict_json import StrictRequest
from tests.support.fakes import install_fake_verifier

PATH = "/internal/things"
LONGEST_BODY = 200
KNOWN: dict[str, Claims] = {
    "writer": ServiceClaims("some-service", frozenset({"things:write"}), expires_at=0.0),
    "reader": ServiceClaims("some-service", frozenset({"things:read"}), expires_at=0.0),
    "person": UserClaims(uuid4(), "ada", "admin", uuid4(), expires_at=0.0),
}


class NewThing(Body):
    name: str


class ThingAnswer(Answer):
    thing: dict[str, str]


class Recorder:
    """WSGI middleware that records the requests that reach Flask."""

    def __init__(self, app: Flask) -> None:
        self._flask, self.seen = app.wsgi_app, 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        self.seen += 1
        return self._flask(environ, start_response)


def make(*, has_fast_path: bool) -> tuple[FlaskClient, Recorder]:
    app = Flask("things")
    app.request_class = StrictRequest
    app.config["MAX_CONTENT_LENGTH"] = LONGEST_BODY
    install_fake_verifier(app, KNOWN)
    request_ids.install(app)
    recording.install(app)
    host_header.install(app)
    install_error_handlers(app)
    api, internal = make_api("Things"), Blueprint("internal", __name__, url_prefix="/internal")

    @internal.post("/things")
    @service_only("things:write")
    @api.validate(resp=documented(200, ThingAnswer))
    def make_thing(json: NewThing) -> Response:
        match json.name:
            case "taken":
                raise Conflict(retry_after_seconds=3)
            case "broken":
                raise RuntimeError("a secret")
        return success(thing={"name": json.name, "by": current_app.name, "for": request_ids.current()})

    app.register_blueprint(internal)
    recorder = Recorder(app)
    app.wsgi_app = recorder  # type: ignore[method-assign]  # Flask's own way of adding a middleware
    if has_fast_path:
        fast_path.install(app, "internal.make_thing")
    return app.test_client(), recorder


def ask(client: FlaskClient, body: str = '{"name": "lamp"}', *, token: str = "writer", **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}", "X-Request-ID": "a-b.c", "Content-Type": "application/json"}
    return client.open(PATH, data=body, **{"method": "POST", "headers": headers | more.pop("headers", {}), **more})


@pytest.mark.parametrize("name", ["lamp", "taken", "broken", "ä"])
def test_the_fast_path_gives_the_same_response_as_flask(name: str, caplog: pytest.LogCaptureFixture) -> None:
    (fast, seen), (flask, _) = make(has_fast_path=True), make(has_fast_path=False)
    caplog.set_level(logging.INFO)
    response, usual = (ask(client, f'{{"name": "{name}"}}') for client in (fast, flask))
    assert (response.status, response.data) == (usual.status, usual.data)
    assert dict(response.headers) == dict(usual.headers)
    assert "secret" not in response.text
    assert seen.seen == 0
    first, second = (vars(record)["lines"][0] for record in caplog.records if record.name == "access")
    assert first | {"milliseconds": 0} == second | {"milliseconds": 0}


class Server:
    """A deferred response that records when it is sent."""

    def __init__(self, happened: list[str]) -> None:
        self._happened = happened

    def defer(self) -> Any:
        return self._answer

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self._happened.append(f"answered {status} with {len(headers)} headers and {len(body)} bytes")


def test_the_response_is_sent_before_the_access_log_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = make(has_fast_path=True)
    usual = ask(client)
    happened: list[str] = []
    monkeypatch.setattr(logs, "log_requests", lambda _lines: happened.append("noted"))
    headers = Headers({"Authorization": "Bearer writer", "Content-Type": "application/json", "X-Request-ID": "a-b.c"})
    environ = EnvironBuilder(PATH, method="POST", headers=headers, data='{"name": "lamp"}').get_environ()
    environ[DEFERRED_RESPONSE] = Server(happened)
    assert client.application.wsgi_app(environ, unexpected) == []
    assert happened == [f"answered 200 with {len(usual.headers)} headers and {len(usual.data)} bytes", "noted"]


def unexpected(*_: Any) -> Any:
    raise AssertionError("the answer was given already")


def test_a_request_on_the_fast_path_is_recorded() -> None:
    client, _ = make(has_fast_path=True)
    ask(client)
    counts = client.get("/metrics").text
    assert f'http_requests_total{{method="POST",route="{PATH}",status="200"}} 1.0' in counts


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"token": "nobody"}, 401),
        ({"headers": {"Authorization": "Basic writer"}}, 401),
        ({"token": "reader"}, 403),
        ({"token": "person"}, 403),
        ({"body": '{"name": 1}'}, 400),
        ({"body": '{"name": "lamp", "more": 1}'}, 400),
        ({"body": "no json"}, 400),
        ({"body": '{"name": "' + "x" * LONGEST_BODY + '"}'}, 413),
        ({"headers": {"Content-Type": "text/plain"}}, 415),
        ({"headers": {"Content-Type": "application/json; charset=utf-16"}}, 415),
        ({"headers": {"Content-Encoding": "gzip"}}, 415),
        ({"environ_overrides": {"HTTP_HOST": "a,b"}}, 400),
        ({"query_string": "more=1"}, 400),
        ({"method": "GET"}, 405),
    ],
)
def test_an_invalid_request_falls_through_to_flask_and_is_refused_there(asked: dict[str, Any], status: int) -> None:
    client, seen = make(has_fast_path=True)
    assert ask(client, **asked).status_code == status
    assert seen.seen == 1


def test_no_request_id_outlives_its_request() -> None:
    client, _ = make(has_fast_path=True)
    assert ask(client).json["thing"]["for"] == "a-b.c"
    assert request_ids.current() is None


def test_the_fast_path_refuses_endpoints_for_users() -> None:
    app = Flask("things")
    app.add_url_rule("/things", "things", private(lambda _caller, json: BaseModel()), methods=["POST"])
    with pytest.raises(ValueError, match="not for services"):
        fast_path.install(app, "things")
