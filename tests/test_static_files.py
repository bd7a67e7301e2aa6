"""Files are kept for a year under an address that changes with them."""

from pathlib import Path

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient

from shared import static_files
from shared.answers import install_error_handlers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    (folder / "css").mkdir(parents=True)
    (folder / "css" / "a.css").write_text("body {}")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@pytest.fixture
def client(folder: Path) -> FlaskClient:
    app = Flask("files", static_folder=None)
    install_error_handlers(app)
    static_files.serve(app, "static", "/static", folder)
    return app.test_client()


def address(client: FlaskClient, filename: str) -> str:
    with client.application.test_request_context():
        return url_for("static", filename=filename)


def test_the_address_carries_a_digest_and_is_kept_for_a_year(client: FlaskClient) -> None:
    with client.get(address(client, "css/a.css")) as answer:
        assert (answer.status_code, answer.data, answer.mimetype) == (200, b"body {}", "text/css")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("query", ["", "?v=000000000000"])
def test_any_other_address_is_kept_briefly(client: FlaskClient, query: str) -> None:
    with client.get(f"/static/css/a.css{query}") as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=300"


def test_another_content_has_another_address(client: FlaskClient, folder: Path) -> None:
    before = address(client, "css/a.css")
    (folder / "css" / "a.css").write_text("body { margin: 0 }")
    static_files._digest.cache_clear()
    assert address(client, "css/a.css") != before


@pytest.mark.parametrize("path", ["nothing.css", "../secret.txt", "css/../../secret.txt", "%2e%2e/secret.txt", "css"])
def test_nothing_else_is_served(client: FlaskClient, path: str) -> None:
    assert client.get(f"/static/{path}").status_code == 404
