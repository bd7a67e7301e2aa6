"""Access to the metrics."""

from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from shared.security.tokens import UserClaims
from shared.web import metrics
from shared.web.responses import install_error_handlers
from tests.support.fakes import FakeVerifier


def person(role: str) -> UserClaims:
    return UserClaims(uuid4(), "ada", role, uuid4(), expires_at=0.0)


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("counted")
    app.extensions["token_verifier"] = FakeVerifier({role: person(role) for role in ("customer", "admin")})
    install_error_handlers(app)
    metrics.install(app)
    return app.test_client()


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
