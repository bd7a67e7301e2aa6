"""Strict parsing of JSON bodies; messages don't mention libraries."""

import gzip
from collections.abc import Iterator
from decimal import Decimal

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.web.responses import install_error_handlers, success
from shared.web.validation import strict_json
from shared.web.validation.strict_json import StrictRequest


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    app = Flask("echo")
    app.request_class = StrictRequest
    app.config["MAX_CONTENT_LENGTH"] = 100_000
    install_error_handlers(app)
    app.add_url_rule("/", "json", lambda: success(keys=sorted(request.get_json())), methods=["POST"])
    app.add_url_rule("/form", "form", lambda: success(keys=sorted(request.form)), methods=["POST"])
    with app.test_client() as test_client:
        yield test_client


def test_numbers_are_read_exactly() -> None:
    value = strict_json.loads(b'{"a": 0.1, "b": 12345678901234567890.01, "c": 7}')
    assert value == {"a": Decimal("0.1"), "b": Decimal("12345678901234567890.01"), "c": 7}
    assert isinstance(value["a"], Decimal)
    assert isinstance(value["c"], int)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e5}',
        b'{"a": 1E-5}',
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": 1',
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1} {}',
        b"",
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": ' + b"[" * 40_000 + b"]" * 40_000 + b"}",
        b'{"a": ' + b"1" * 5_000 + b"}",
        b'{"a": 0.' + b"1" * 5_000 + b"e1}",
    ],
)
def test_other_than_strict_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        strict_json.loads(text)
    assert "sys." not in str(refused.value)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"amount": NaN}', "amount"),
        (b'{"amount": -Infinity, "b": 1}', "amount"),
        (b'{"a": 1, "amount": 1e3}', "amount"),
        (b'{"amount": [[1, 1e3]]}', "amount"),
        (b'{"a": {"amount": ' + b"1" * 50 + b"}}", "amount"),
        (b'{"amount": 1, "a": 1, "amount": 2}', "amount"),
        (b'{"\\ud800": 1, "\\ud800": 2}', "?"),
        (b'{"a": 1, "\\udfff": 2}', "?"),
        (b'{"a": 1, "b\\u0000": 2}', "b\ufffd"),
        (b'{"a": "\\u20ac", "name": "\\u0000"}', "name"),
        (b'{"a": {"name": "x\\ud800"}}', "name"),
        (b'{"a": [{"b": [1, {"name": [["\\u0000"]]}]}]}', "name"),
        (b'["\\u0000"]', "body"),
        (b'{"name": "\x00"}', "body"),
        (b"NaN", "body"),
        (b"[1e3]", "body"),
        (b'{"amount": 01}', "body"),
    ],
)
def test_a_refusal_names_the_key(client: FlaskClient, body: bytes, key: str) -> None:
    answer = client.post("/", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error_code"] == "INVALID_REQUEST"
    ((named, reason),) = answer.json["details"].items()
    assert named == key
    assert answer.json["message"] == f"The request is not valid: {key} {reason}."


def test_escaped_characters_are_decoded() -> None:
    assert strict_json.loads(b'{"a": "\\u20ac \\ud83d\\ude00"}') == {"a": "€ 😀"}


@pytest.mark.parametrize("body", [b"[1]", b'"text"', b"1", b"null", b"true", b""])
def test_a_body_must_be_an_object(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["error_code"] == "INVALID_REQUEST"
    assert list(answer.json["details"]) == ["body"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "", None])
def test_another_content_type_is_415(client: FlaskClient, kind: str | None) -> None:
    answer = client.post("/", data=b'{"a": 1}', content_type=kind)
    assert answer.status_code == 415
    assert answer.json is not None
    assert answer.json["error_code"] == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "utf8"])
def test_the_charset_utf_8_is_accepted(client: FlaskClient, charset: str) -> None:
    answer = client.post("/", data='{"é": 1}'.encode(), content_type=f"application/json; charset={charset}")
    assert answer.json == {"success": True, "keys": ["é"]}


@pytest.mark.parametrize("charset", ["utf-16", "UTF-16LE", "utf-32", "iso-8859-1", "us-ascii", "utf-8-sig", "nonsense"])
def test_another_charset_is_415(client: FlaskClient, charset: str) -> None:
    answer = client.post("/", data=b'{"a": 1}', content_type=f"application/json; charset={charset}")
    assert_is_415(answer, "Send the body as UTF-8; other character encodings are not accepted.")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_a_body_of_another_encoding_is_415(client: FlaskClient, encoding: str) -> None:
    answer = client.post("/", data='{"é": 1}'.encode(encoding), content_type="application/json")
    assert_is_415(answer, "Send the body as UTF-8; other character encodings are not accepted.")


def test_a_byte_order_mark_is_named(client: FlaskClient) -> None:
    answer = client.post("/", data=b'\xef\xbb\xbf{"a": 1}', content_type="application/json")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["details"] == {
        "body": "begins with a byte order mark; send JSON as UTF-8 without it",
    }


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd", "x-gzip", "GZIP", "identity, gzip", "nonsense"])
@pytest.mark.parametrize("path", ["/", "/form"])
def test_a_compressed_body_is_415(client: FlaskClient, coding: str, path: str) -> None:
    kind = "application/json" if path == "/" else "application/x-www-form-urlencoded"
    body = gzip.compress(b'{"a": 1}')
    answer = client.post(path, data=body, content_type=kind, headers={"Content-Encoding": coding})
    assert_is_415(answer, "Send the body without a content coding: compressed bodies are not accepted.")
    assert answer.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("coding", ["", "identity", "Identity"])
def test_the_coding_identity_is_accepted(client: FlaskClient, coding: str) -> None:
    answer = client.post("/", json={"a": 1}, headers={"Content-Encoding": coding})
    assert answer.status_code == 200


def test_a_form_of_another_charset_is_415(client: FlaskClient) -> None:
    kind = "application/x-www-form-urlencoded; charset=utf-16"
    answer = client.post("/form", data="a=1".encode("utf-16"), content_type=kind)
    assert_is_415(answer, "Send the body as UTF-8; other character encodings are not accepted.")


def assert_is_415(answer: TestResponse, message: str) -> None:
    assert answer.status_code == 415
    assert answer.json == {
        "success": False,
        "message": message,
        "error_code": "UNSUPPORTED_MEDIA_TYPE",
        "details": {},
    }


def test_a_large_body_is_413_and_ends_the_connection(client: FlaskClient) -> None:
    answer = client.post("/", data=b'{"a": "' + b"x" * 200_000 + b'"}', content_type="application/json")
    assert (answer.status_code, answer.headers["Connection"]) == (413, "close")
