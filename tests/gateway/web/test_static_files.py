"""Static files are cached for a year under a URL that changes with their content."""

import gzip
from pathlib import Path

import brotli
import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient

from api_gateway.web import static_files
from shared.web.responses import install_error_handlers


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


def test_the_address_has_a_digest_and_is_cached_for_a_year(client: FlaskClient) -> None:
    with client.get(address(client, "css/a.css")) as answer:
        assert (answer.status_code, answer.data, answer.mimetype) == (200, b"body {}", "text/css")
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("query", ["", "?v=000000000000"])
def test_an_address_without_the_digest_is_cached_briefly(client: FlaskClient, query: str) -> None:
    with client.get(f"/static/css/a.css{query}") as answer:
        assert answer.headers["Cache-Control"] == "public, max-age=300"


def test_another_content_has_another_address(client: FlaskClient, folder: Path) -> None:
    (folder / "css" / "same.css").write_text("body {}")
    (folder / "css" / "other.css").write_text("body { margin: 0 }")
    first, same, other = (address(client, f"css/{name}.css").partition("?v=")[2] for name in ("a", "same", "other"))
    assert first == same != other


@pytest.mark.parametrize("path", ["nothing.css", "../secret.txt", "css/../../secret.txt", "%2e%2e/secret.txt", "css"])
def test_other_files_are_not_served(client: FlaskClient, path: str) -> None:
    assert client.get(f"/static/{path}").status_code == 404


RULES = "".join(f".rule-{number} {{ margin: {number}px }}\n" for number in range(200))


@pytest.fixture
def long_file(folder: Path) -> Path:
    (folder / "css" / "long.css").write_text(RULES)
    return folder / "css" / "long.css"


@pytest.mark.parametrize(
    ("accepted", "coding"), [("gzip", "gzip"), ("gzip, deflate, br", "br"), ("gzip;q=0", None), ("", None)]
)
def test_a_text_is_compressed_as_the_client_accepts(
    client: FlaskClient, long_file: Path, accepted: str, coding: str | None
) -> None:
    path, headers = address(client, "css/long.css"), {"Accept-Encoding": accepted}
    with client.get(path, headers=headers) as answer, client.head(path, headers=headers) as head:
        assert answer.headers.get("Content-Encoding") == coding
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert int(answer.headers["Content-Length"]) == len(answer.data)
        assert {**head.headers, "Date": None} == {**answer.headers, "Date": None}  # in another second, maybe
        readers = {"gzip": gzip.decompress, "br": brotli.decompress, None: bytes}
        assert readers[coding](answer.data) == long_file.read_bytes()


@pytest.mark.parametrize("accepted", ["", "gzip", "br"])
def test_a_cached_file_is_not_sent_again(client: FlaskClient, long_file: Path, accepted: str) -> None:
    path = address(client, "css/long.css")
    with client.get(path, headers={"Accept-Encoding": accepted}) as first:
        etag = first.headers["ETag"]
    with client.get(path, headers={"Accept-Encoding": accepted, "If-None-Match": etag}) as again:
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == etag
        assert again.headers["Vary"] == "Accept-Encoding"


def test_each_coding_has_its_own_tag(client: FlaskClient, long_file: Path) -> None:
    path = address(client, "css/long.css")
    tags = set()
    for accepted in ("", "gzip", "br"):
        with client.get(path, headers={"Accept-Encoding": accepted}) as answer:
            tags.add(answer.headers["ETag"])
    assert len(tags) == 3


def test_a_range_refers_to_the_plain_file(client: FlaskClient, long_file: Path) -> None:
    headers = {"Accept-Encoding": "gzip", "Range": "bytes=5-9"}
    with client.get(address(client, "css/long.css"), headers=headers) as answer:
        assert (answer.status_code, answer.data) == (206, RULES[5:10].encode())
        assert "Content-Encoding" not in answer.headers


def test_short_files_and_images_are_not_compressed(client: FlaskClient, folder: Path) -> None:
    (folder / "picture.png").write_bytes(b"\x89PNG" * 1000)
    for filename in ("css/a.css", "picture.png"):
        with client.get(address(client, filename), headers={"Accept-Encoding": "gzip, br"}) as answer:
            assert "Content-Encoding" not in answer.headers
            assert "Vary" not in answer.headers
