"""Each request has an id: the caller's when it is well formed, in the answer and in every log line."""

import re

import pytest
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
        seen[:] = [request_ids.current()]
        return ""

    return app.test_client()


@pytest.mark.parametrize("given", ["abc", "A-b_c.9", "x" * 64])
def test_a_well_formed_id_is_kept(client: FlaskClient, given: str) -> None:
    answer = client.get("/", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] == given
    assert seen == [given]


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


def test_a_request_within_a_request_leaves_the_outer_one_its_id(client: FlaskClient) -> None:
    outer = Flask("outer")
    request_ids.install(outer)

    @outer.get("/")
    def call() -> list[str | None]:
        return [client.get("/").headers["X-Request-ID"], request_ids.current()]

    inner_id, outer_id = outer.test_client().get("/", headers={"X-Request-ID": "abc"}).get_json()
    assert outer_id == "abc" != inner_id
