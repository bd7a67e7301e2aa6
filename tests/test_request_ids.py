"""Each request has an id: the caller's when it is well formed, in the answer and in every log line."""

import re

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from shared import request_ids

seen: list[object] = []


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("counter")
    request_ids.install(app)

    @app.get("/")
    def look() -> str:
        seen[:] = [request_ids.current(), structlog.contextvars.get_contextvars().get("request_id")]
        return ""

    return app.test_client()


@pytest.mark.parametrize("given", ["abc", "A-b_c.9", "x" * 64])
def test_a_well_formed_id_is_kept(client: FlaskClient, given: str) -> None:
    answer = client.get("/", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] == given
    assert seen == [given, given]


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a;b", "<script>", 'a"b', "é"])
def test_another_is_replaced(client: FlaskClient, given: str) -> None:
    answer = client.get("/", headers={"X-Request-ID": given})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])
    assert seen[0] == answer.headers["X-Request-ID"]


def test_each_request_has_its_own(client: FlaskClient) -> None:
    assert len({client.get("/").headers["X-Request-ID"] for _ in range(5)}) == 5


def test_an_unknown_address_has_one_too(client: FlaskClient) -> None:
    assert client.get("/nowhere", headers={"X-Request-ID": "abc"}).headers["X-Request-ID"] == "abc"


def test_outside_of_a_request_there_is_none_and_none_is_left_over(client: FlaskClient) -> None:
    client.get("/")
    assert request_ids.current() is None
    assert "request_id" not in structlog.contextvars.get_contextvars()
