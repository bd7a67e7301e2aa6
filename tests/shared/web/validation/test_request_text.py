"""Text with a NUL or other than UTF-8 is refused anywhere in a request, naming the field."""

from typing import Any

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient

from shared.core.errors import InvalidRequest
from shared.web.responses import install_error_handlers, success
from shared.web.validation import request_text
from shared.web.validation.request_text import NOT_STORABLE, is_storable, parameters
from shared.web.validation.strict_json import StrictRequest


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    app = Flask("any")
    app.request_class = StrictRequest
    request_text.install(app)
    install_error_handlers(app)

    @app.route("/<path:path>", methods=["GET", "POST"])
    def show(path: str) -> Response:
        form = request.form.to_dict() if request.method == "POST" else {}
        return success(path=path, query=request.args.to_dict(), form=form)

    return app.test_client(use_cookies=False)


def refused(answer: Any) -> str:
    """Return the field that a response refuses as unstorable."""
    assert answer.status_code == 400, answer.text
    ((name, reason),) = answer.json["details"].items()
    assert reason == NOT_STORABLE
    assert answer.json["message"] == f"The request is not valid: {name} {reason}."
    return str(name)


@pytest.mark.parametrize("text", ["", "plain", "é", "\U0001f600", "\u2028\u202e\x01\x7f\uffff"])
def test_ordinary_text_is_storable(text: str) -> None:
    assert is_storable(text)


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "a\udfff", "\ude00\ud83d"])
def test_nul_and_lone_surrogates_are_not_storable(text: str) -> None:
    assert not is_storable(text)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/a?q=%00", "q"),
        ("/a?x=1&q=a%00b", "q"),
        ("/a?q%00=1", "q\ufffd"),
        ("/a?%00", "\ufffd"),
        ("/a?=%00", "query"),
        ("/a?q=%ff", "q"),
        ("/a?q=%c0%80", "q"),
        ("/a?q=%ed%a0%80", "q"),
        ("/a?q=%f4%90%80%80", "q"),
        ("/a?%ff=1", "?"),
        ("/%00", "path"),
        ("/a%00/b", "path"),
    ],
)
def test_a_refusal_names_the_faulty_part_of_the_address(client: FlaskClient, address: str, name: str) -> None:
    assert refused(client.get(address)) == name
    assert refused(client.post(address)) == name


@pytest.mark.parametrize("raw", [b"q=\xff", b"q=\xed\xa0\x80", b"q=\x00"])
def test_an_unescaped_query_is_validated(client: FlaskClient, raw: bytes) -> None:
    overrides = {"QUERY_STRING": raw.decode("latin-1")}
    assert refused(client.get("/a", environ_overrides=overrides)) == "q"


@pytest.mark.parametrize("raw", [b"/\xff", b"/a/\xc3", b"/\xed\xa0\x80"])
def test_the_bytes_of_a_path_are_validated(client: FlaskClient, raw: bytes) -> None:
    assert refused(client.get("/a", environ_overrides={"PATH_INFO": raw.decode("latin-1")})) == "path"


@pytest.mark.parametrize("name", ["User-Agent", "Idempotency-Key", "Authorization", "Cookie", "X-Anything"])
def test_a_header_with_a_nul_is_named(client: FlaskClient, name: str) -> None:
    variable = f"HTTP_{name.upper().replace('-', '_')}"
    assert refused(client.get("/a", environ_overrides={variable: "a\0b"})) == name
    assert client.get("/a", environ_overrides={variable: "a\xffb"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b"a=1&b=%00", "b"),
        (b"b=%ff", "b"),
        (b"b=\xff", "b"),
        (b"b%00=1", "b\ufffd"),
    ],
)
def test_a_refused_form_names_its_field(client: FlaskClient, body: bytes, name: str) -> None:
    assert refused(client.post("/a", data=body, content_type="application/x-www-form-urlencoded")) == name


def test_a_refused_multipart_form_names_its_field(client: FlaskClient) -> None:
    assert refused(client.post("/a", data={"a": "1", "b": "x\0"}, content_type="multipart/form-data")) == "b"


def test_valid_text_is_passed_unchanged(client: FlaskClient) -> None:
    answer = client.post("/é/x?q=%C3%A9+%2B&q2=a%01&empty=", data={"t": "ä\n+"})
    assert answer.json == {
        "success": True,
        "path": "é/x",
        "query": {"q": "é +", "q2": "a\x01", "empty": ""},
        "form": {"t": "ä\n+"},
    }


def test_repeated_parameters_are_refused() -> None:
    assert parameters(b"a=1&b=&c") == {"a": "1", "b": "", "c": ""}
    assert parameters(b"") == parameters(b"&") == {}
    with pytest.raises(InvalidRequest) as twice:
        parameters(b"a=1&b=2&a=1")
    assert twice.value.details == {"a": "is given twice"}
    with pytest.raises(InvalidRequest) as nameless:
        parameters(b"=1")
    assert list(nameless.value.details) == ["query"]
