"""Access to the metrics."""

from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from shared.security.tokens import UserClaims
from shared.web import metrics
from shared.web.responses import install_error_handlers
from tests.support.fakes import install_fake_verifier


def person(role: str) -> UserClaims:
    return UserClaims(uuid4(), "ada", role, uuid4(), expires_at=0.0)


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("counted")
    install_fake_verifier(app, {role: person(role) for role in ("customer", "admin")})
    install_error_handlers(app)
    metrics.install(app)
    return app.test_client()


def test_the_requests_of_the_last_minutes_are_counted_by_outcome() -> None:
    counted = metrics.Metrics()

    def recent() -> dict[str, float]:
        families = text_string_to_metric_families(counted.exposition().decode())
        found = [one for family in families for one in family.samples if one.name == "http_requests_recent"]
        return {one.labels["outcome"]: one.value for one in found}

    counted.count("GET", "/a", 200, 0.01)
    counted.count("GET", "/a", 503, 0.01)
    counted.count("GET", "/api/health", 503, 0.01)
    counted.sample()
    assert recent() == {"answered": 2, "failed": 1}
    for _ in range(metrics.SAMPLES - 1):
        counted.sample()
    counted.count("GET", "/b", 404, 0.01)
    assert recent() == {"answered": 1, "failed": 0}, "what was counted before the oldest sample is left out"


FAR = {"REMOTE_ADDR": "192.0.2.7"}


@pytest.mark.parametrize(
    ("environ", "headers", "status"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, {}, 200),
        ({"REMOTE_ADDR": "::1"}, {}, 200),
        (FAR, {}, 401),
        (FAR, {"Authorization": "Bearer customer"}, 403),
        (FAR, {"Authorization": "Bearer admin"}, 200),
        ({"REMOTE_ADDR": "127.0.0.1"}, {"X-Forwarded-For": "192.0.2.7"}, 401),
    ],
)
def test_metrics_are_for_loopback_and_admins(
    client: FlaskClient, environ: dict[str, str], headers: dict[str, str], status: int
) -> None:
    assert client.get("/metrics", environ_overrides=environ, headers=headers).status_code == status
