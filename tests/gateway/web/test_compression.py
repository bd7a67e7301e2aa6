"""Text is compressed on request, but no page that combines secrets with reflected input."""

import gzip
import itertools
import re

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header
from werkzeug.test import TestResponse

from api_gateway.web import compression
from tests.support.suite import Suite
from tests.support.visitor import forms_of

LONG = "a balance of 1,250.00 " * 200
GZIP = {"Accept-Encoding": "gzip"}


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("texts")
    compression.install(app, is_of_browser=lambda: request.path.startswith("/page"))

    @app.route("/<any(page, api):_where>/<kind>", methods=["GET", "POST"])
    def show(_where: str, kind: str) -> Response:
        text = LONG[:200] if kind == "short" else LONG
        types = {"json": "application/json", "pdf": "application/pdf"}
        return Response(text, 404 if kind == "missing" else 200, mimetype=types.get(kind, "text/html"))

    return app.test_client()


def text_of(answer: TestResponse) -> str:
    return gzip.decompress(answer.data).decode()


@pytest.mark.parametrize("path", ["/page/html", "/page/json", "/api/json"])
def test_a_long_text_is_compressed(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers=GZIP)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert int(answer.headers["Content-Length"]) == len(answer.data) < len(LONG) / 4
    assert text_of(answer) == LONG


@pytest.mark.parametrize("path", ["/api/short", "/api/pdf", "/page/short", "/page/pdf"])
def test_short_and_binary_responses_are_not_compressed(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers=GZIP)
    assert "Content-Encoding" not in answer.headers
    assert "Vary" not in answer.headers


@pytest.mark.parametrize("path", ["/page/html", "/api/json"])
def test_head_has_the_headers_of_get(client: FlaskClient, path: str) -> None:
    head, get = client.head(path, headers=GZIP), client.get(path, headers=GZIP)
    assert dict(head.headers) == dict(get.headers)
    assert head.data == b""


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("deflate, gzip", "gzip"),
        ("deflate", None),
        ("*", "br"),
        ("gzip, deflate, br", "br"),
        ("br;q=0.5, gzip", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=0, *", "br"),
        ("gzip;q=0, br;q=0, *", None),
        ("*;q=0", None),
        ("*;q=0, gzip;q=0.1", "gzip"),
        ("identity;q=0.5, gzip;q=0.4", None),
        ("identity;q=0, gzip;q=0.001", "gzip"),
        ("gzip;q=nonsense", None),
    ],
)
def test_the_coding_is_negotiated(accepted: str, coding: str | None) -> None:
    assert compression.negotiated(parse_accept_header(accepted, Accept), "br", "gzip") == coding


def test_without_accept_encoding_nothing_is_compressed_but_vary_is_set(client: FlaskClient) -> None:
    answer = client.get("/page/html")
    assert (answer.text, answer.headers["Vary"]) == (LONG, "Accept-Encoding")
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/page/html?q=x"), ("POST", "/page/html"), ("GET", "/page/missing")]
)
def test_a_page_that_may_reflect_its_request_is_not_compressed(client: FlaskClient, method: str, path: str) -> None:
    answer = client.open(path, method=method, headers=GZIP)
    assert "Content-Encoding" not in answer.headers
    program = client.open(path.replace("page", "api"), method=method, headers=GZIP)
    assert program.headers["Content-Encoding"] == "gzip"


def test_padding_hides_the_length_of_a_page() -> None:
    """Padding varies more than a right guess would save, and is constant for repeated requests."""
    guesses = [f"{LONG}{''.join(digits)}".encode() for digits in itertools.product("0123456789", repeat=2)]
    padded = {compression.padding_for(guess) for guess in guesses}
    assert max(padded) - min(padded) > 50
    assert {compression.padding_for(guesses[0]) for _ in range(5)} == {compression.padding_for(guesses[0])}


def test_pages_and_answers_of_the_gateway_are_compressed(bank: Suite) -> None:
    visitor = bank.visitor()
    visitor.register("ada")
    for path in ("/dashboard", "/accounts", "/settings", "/openapi.json"):
        answer = visitor.client.get(path, headers=GZIP)
        assert answer.headers["Content-Encoding"] == "gzip", path
        assert "Accept-Encoding" in answer.headers["Vary"]
    answer = visitor.client.get("/transactions?q=secret", headers=GZIP)
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers


def test_the_dashboard_is_small(bank: Suite) -> None:
    """A first visit loads less than 500 KB, a later one 60 KB."""
    visitor = bank.visitor()
    visitor.register("grace")
    page = visitor.client.get("/dashboard", headers=GZIP)
    files = set(re.findall(r'(?:src|href)="(/static/[^"]+)', text_of(page)))
    assert files
    sizes = []
    for address in files:
        with visitor.client.get(address, headers=GZIP) as file:
            sizes.append(len(file.data))
    assert len(page.data) < 60_000
    assert len(page.data) + sum(sizes) < 500_000


def test_csrf_tokens_of_different_seconds_have_different_signatures(
    bank: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The payload is constant during a session, so an attacker must not be able to guess the signature."""
    visitor = bank.visitor()
    tokens = []
    for seconds in (0, 1):
        monkeypatch.setattr("itsdangerous.timed.TimestampSigner.get_timestamp", lambda _self, now=seconds: now)
        tokens.append(forms_of(visitor.get("/login"))[0].fields["csrf_token"].split("."))
    assert tokens[0][0] == tokens[1][0]
    assert tokens[0][2] != tokens[1][2]
