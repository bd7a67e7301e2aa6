"""Requests are counted by route; successful probes are not logged."""

import logging

import pytest
from flask import Flask
from flask.testing import FlaskClient

from shared.http import request_ids
from shared.web import recording
from shared.web.logs import AnsweredRequest
from shared.web.parts import part
from shared.web.recording import Recorder


@pytest.fixture
def app() -> Flask:
    app = Flask("recorded")
    request_ids.install(app)
    recording.install(app)
    app.add_url_rule("/things/<int:number>", "thing", lambda number: f"{number}")
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def test_requests_are_counted_by_route_rather_than_path(client: FlaskClient) -> None:
    for number in range(3):
        client.get(f"/things/{number}")
    client.get("/nowhere")
    client.get("/elsewhere")
    shown = client.get("/metrics").text
    assert 'http_requests_total{method="GET",route="/things/<int:number>",status="200"} 3.0' in shown
    assert 'http_requests_total{method="GET",route="unknown",status="404"} 2.0' in shown
    assert 'http_request_seconds_count{route="/things/<int:number>"} 3.0' in shown
    assert "elsewhere" not in shown


def test_a_request_answered_before_flask_is_counted_alike(app: Flask, client: FlaskClient) -> None:
    part(Recorder, app).record([AnsweredRequest("POST", "/batch", 201, 0.01, None, "abc")] * 2)
    assert 'http_requests_total{method="POST",route="/batch",status="201"} 2.0' in client.get("/metrics").text


def test_only_a_probe_that_failed_is_logged(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "access")
    for status in (200, 503):
        part(Recorder, app).record([AnsweredRequest("GET", "/api/health", status, 0.01, None, "abc")])
    assert [record.lines[0]["status"] for record in caplog.records] == [503]  # type: ignore[attr-defined]  # an extra
