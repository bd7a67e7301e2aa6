"""The tree of errors, their JSON form, and their conversion between services."""

import importlib
import re
from collections.abc import Iterator

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient

from shared.core import errors
from shared.core.errors import (
    AppError,
    NotFound,
    Refused,
    ServiceUnavailable,
    TokenExpired,
    TooManyRequests,
    from_response,
)
from shared.web.responses import failure, install_error_handlers
from tests.support.suite import MODULES

FAILURE_KEYS = {"success", "message", "error_code", "details"}


class TooHeavy(Refused):
    code = "TOO_HEAVY"
    message = "That is too heavy."


def all_errors() -> list[type[AppError]]:
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, AppError)]
    assert len(found) > 15
    return found


@pytest.mark.parametrize("kind", all_errors())
def test_every_error_is_rendered_with_its_status_code_and_message(kind: type[AppError]) -> None:
    assert 400 <= kind.status < 600
    assert kind.code == kind.code.upper()
    assert kind.message.endswith(".")


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    app = Flask("failing")
    install_error_handlers(app)

    @app.get("/refused")
    def refused() -> str:
        raise TooHeavy(details={"weight": "is 12 kg"})

    @app.get("/busy")
    def busy() -> str:
        raise TooManyRequests(retry_after_seconds=7)

    @app.get("/expired")
    def expired() -> str:
        raise TokenExpired

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("SELECT secret FROM somewhere")

    @app.get("/abort/<int:status>")
    def aborting(status: int) -> str:
        abort(status)

    with app.test_client() as test_client:
        yield test_client


def test_a_refusal_has_its_own_code_and_details(client: FlaskClient) -> None:
    answer = client.get("/refused")
    assert answer.status_code == 400
    assert answer.json == {
        "success": False,
        "message": "That is too heavy.",
        "error_code": "TOO_HEAVY",
        "details": {"weight": "is 12 kg"},
    }


def test_too_many_requests_are_answered_with_retry_after(client: FlaskClient) -> None:
    answer = client.get("/busy")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")


def test_401_names_the_scheme(client: FlaskClient) -> None:
    answer = client.get("/expired")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_an_unexpected_exception_is_logged_and_not_shown(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    answer = client.get("/broken")
    assert answer.status_code == 500
    assert "SELECT" not in answer.text
    assert answer.json is not None
    assert answer.json["error_code"] == "INTERNAL_ERROR"
    assert "SELECT secret FROM somewhere" in caplog.text


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 415, 418, 422, 429, 500, 501, 503])
def test_the_frameworks_errors_have_the_same_four_keys(client: FlaskClient, status: int) -> None:
    answer = client.get(f"/abort/{status}")
    assert answer.json is not None
    assert set(answer.json) == FAILURE_KEYS
    expected = {410: 400, 418: 400, 501: 500}.get(status, status)
    assert answer.status_code == expected


def test_405_names_the_allowed_methods(client: FlaskClient) -> None:
    answer = client.post("/refused")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_an_error_is_the_same_after_a_call_between_services() -> None:
    with Flask("sender").app_context():
        sent = failure(TooHeavy("Twelve kilos.", details={"weight": "is 12 kg"}))
    received = from_response(sent.status_code, sent.json)
    assert (received.status, received.code, received.message, received.details) == (
        400,
        "TOO_HEAVY",
        "Twelve kilos.",
        {"weight": "is 12 kg"},
    )
    assert NotFound.code == "NOT_FOUND"  # the code of an instance does not change the class


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"error_code": "INTERNAL_ERROR", "message": "x", "details": {}}),
        (502, "<html>bad gateway</html>"),
        (404, None),
        (400, ["error_code"]),
        (400, {"error": "no code"}),
        (200, {"error_code": "ODD"}),
    ],
)
def test_a_foreign_error_response_means_service_unavailable(status: int, body: object) -> None:
    assert type(from_response(status, body)) is ServiceUnavailable


def test_details_that_are_no_object_are_dropped() -> None:
    assert from_response(404, {"error_code": "NOT_FOUND", "details": ["x"]}).details == {}


def test_every_message_is_a_complete_sentence() -> None:
    for module in (module for module, _settings in MODULES.values()):
        importlib.import_module(module)
    kinds = [AppError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    messages = {kind.__name__: kind.message for kind in kinds}
    odd = {name: text for name, text in messages.items() if not re.fullmatch(r"[A-Z“].{15,}[.]", text)}
    assert odd == {}
