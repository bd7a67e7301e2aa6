"""Requests to /api are forwarded unchanged to the owning service, without the browser's session."""

import io
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask, Response, request
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

from api_gateway.api.proxy import PUBLIC_PATHS
from shared.core.errors import NotFound
from shared.security.tokens import TokenVerifier
from shared.web import responses
from shared.web.access import access_of
from shared.web.parts import part
from tests.support.suite import ADDRESSES, BankOptions, InProcess, Person, Suite


class Echo:
    """A service that records and echoes requests."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.answer = Response("{}")
        self.app = Flask("echo")
        self.app.add_url_rule("/", view_func=self._receive, methods=["GET"])
        self.app.add_url_rule(
            "/<path:_path>", view_func=self._receive, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]
        )

    def _receive(self, _path: str = "") -> Response:
        if request.path.startswith("/internal/"):
            return responses.failure(NotFound())  # it takes each request alone
        self.seen.append(
            {
                "method": request.method,
                "path": request.path,
                "query": request.query_string,
                "body": request.get_data(),
                "headers": Headers(request.headers),
            }
        )
        return self.answer


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(("auth", "gateway"))


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    return bank.person("ada")


@pytest.fixture
def echo(bank: Suite) -> Iterator[Echo]:
    echo = Echo()
    adapter = InProcess(echo.app)
    bank.session.mount(ADDRESSES["transaction"], adapter)
    yield echo
    del bank.session.adapters[ADDRESSES["transaction"]]


def check_failure(answer: TestResponse, status: int, code: str) -> None:
    assert answer.status_code == status
    body = answer.json
    assert body is not None
    assert set(body) == {"success", "message", "error_code", "details"}
    assert (body["success"], body["error_code"]) == (False, code)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_request_is_forwarded_unchanged(bank: Suite, ada: Person, echo: Echo, method: str) -> None:
    body = b'{"amount": 1.10,  "b": "\xc3\xa9"}'
    headers = {"Idempotency-Key": "k-1", "User-Agent": "curl/8", "Content-Type": "application/json"}
    path = "/api/transactions/transfer?q=a%20b&q=%C3%A9&limit=5&empty="
    answer = bank.call("gateway", method, path, ada, headers=headers, data=body)
    assert answer.status_code == 200
    (arrived,) = echo.seen
    assert (arrived["method"], arrived["path"]) == (method, "/api/transactions/transfer")
    assert arrived["query"] == b"q=a%20b&q=%C3%A9&limit=5&empty="
    assert arrived["body"] == body
    assert {name: arrived["headers"][name] for name in headers} == headers
    assert arrived["headers"]["Authorization"] == f"Bearer {ada.token}"


def test_only_listed_headers_are_forwarded(bank: Suite, ada: Person, echo: Echo) -> None:
    sent = {
        "Cookie": "session=x",
        "X-Forwarded-For": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "X-User-Id": "admin",
        "X-Request-ID": "mine-1",
    }
    answer = bank.call("gateway", "GET", "/api/transactions/list", ada, headers=sent)
    (arrived,) = echo.seen
    assert arrived["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert arrived["headers"]["X-Request-ID"] == answer.headers["X-Request-ID"] == "mine-1"
    assert [name for name in ("Cookie", "Forwarded", "X-User-Id") if name in arrived["headers"]] == []


def test_the_response_is_returned_unchanged(bank: Suite, ada: Person, echo: Echo) -> None:
    echo.answer = Response(
        b"%PDF-1.4",
        422,
        {
            "Content-Type": "application/pdf",
            "Content-Disposition": "attachment; filename=s.pdf",
            "Retry-After": "7",
            "Idempotent-Replayed": "true",
            "Cache-Control": "private, max-age=5",
            "Allow": "GET",
            "Set-Cookie": "session=stolen",
            "Server": "secret/1.0",
        },
    )
    answer = bank.call("gateway", "POST", f"/api/transactions/reverse/{uuid4()}", ada, json={})
    assert (answer.status_code, answer.data) == (422, b"%PDF-1.4")
    for name in ("Content-Type", "Content-Disposition", "Retry-After", "Idempotent-Replayed", "Cache-Control", "Allow"):
        assert answer.headers[name] == echo.answer.headers[name]
    assert [name for name in ("Set-Cookie", "Server") if name in answer.headers] == []


def test_api_responses_are_not_cached_and_set_no_cookie(bank: Suite, ada: Person, echo: Echo) -> None:
    answer = bank.call("gateway", "GET", "/api/transactions/list", ada)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers
    assert len(echo.seen) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/api/internal/postings",
        "/internal/postings",
        "/api/transactions/../internal/postings",
        "/api/transactions/%2e%2e/internal",
        "/api/transactions/a%2f..%2fb",
        "/api/transactions/a%5cb",
        "/api/transactions/a;b",
        "/api/transactions/a.b",
        "/api/transactions/%C3%A9",
        "/api/transactions",
        "/api/transactionsx/list",
        "/api/Transactions/list",
        "/api/",
        "/api/health/x",
        "/api/metrics",
    ],
)
def test_other_paths_are_not_forwarded(bank: Suite, ada: Person, echo: Echo, path: str) -> None:
    check_failure(bank.call("gateway", "POST", path, ada, json={}), 404, "NOT_FOUND")
    assert echo.seen == []


@pytest.mark.parametrize(
    "path", ["/api/transactions/a%00", "/api/transactions/list?q=%00", "/api/transactions/list?q=%ff"]
)
def test_unstorable_text_is_not_forwarded(bank: Suite, ada: Person, echo: Echo, path: str) -> None:
    check_failure(bank.call("gateway", "POST", path, ada, json={}), 400, "INVALID_REQUEST")
    assert echo.seen == []


@pytest.mark.parametrize("path", ["/api//transactions/list", "/api/transactions//list"])
def test_a_doubled_slash_is_not_forwarded(bank: Suite, ada: Person, echo: Echo, path: str) -> None:
    check_failure(bank.call("gateway", "GET", path, ada), 404, "NOT_FOUND")
    assert echo.seen == []


@pytest.mark.parametrize("token", ["rubbish", "", "a.b.c"])
def test_a_bad_token_is_refused_by_the_gateway(bank: Suite, echo: Echo, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    answer = bank.call("gateway", "GET", "/api/transactions/list", headers=headers)
    check_failure(answer, 401, "INVALID_TOKEN")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert echo.seen == []


def test_a_bad_token_does_not_prevent_a_login(bank: Suite, ada: Person) -> None:
    body = {"username": ada.username, "password": "wrong"}
    headers = {"Authorization": "Bearer rubbish"}
    check_failure(
        bank.call("gateway", "POST", "/api/auth/login", headers=headers, json=body), 401, "INVALID_CREDENTIALS"
    )


def test_a_bad_token_prevents_no_request_to_a_public_endpoint(bank: Suite) -> None:
    auth = bank.apps["auth"]
    open_to_all = {
        rule.rule.removeprefix("/api/")
        for rule in auth.url_map.iter_rules()
        if rule.rule.startswith("/api/auth/") and access_of(auth.view_functions[rule.endpoint]) == "public"
    }
    assert open_to_all == PUBLIC_PATHS


def test_a_request_without_a_token_is_forwarded(bank: Suite, echo: Echo) -> None:
    echo.answer = Response(json.dumps({"success": False}), 401, {"WWW-Authenticate": "Bearer"})
    answer = bank.call("gateway", "GET", "/api/transactions/list")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert len(echo.seen) == 1


def test_an_ended_session_is_refused_by_the_gateway(bank: Suite, echo: Echo) -> None:
    person = bank.person()
    assert bank.call("gateway", "GET", "/api/transactions/list", person).status_code == 200
    assert bank.call("gateway", "POST", "/api/auth/logout", person).status_code == 200
    part(TokenVerifier, bank.apps["gateway"]).revocations.poll()
    check_failure(bank.call("gateway", "GET", "/api/transactions/list", person), 401, "INVALID_TOKEN")
    assert len(echo.seen) == 1


def test_the_browsers_session_does_not_authenticate_api_requests(bank: Suite, ada: Person, echo: Echo) -> None:
    browser = bank.visitor()
    browser.log_in(ada.username)
    browser.get("/api/transactions/list")
    (arrived,) = echo.seen
    assert "Authorization" not in arrived["headers"]


def test_a_service_without_an_answer_is_503(bank: Suite, ada: Person) -> None:
    answer = bank.call("gateway", "POST", "/api/reports/transactions", ada, json={})
    check_failure(answer, 503, "SERVICE_UNAVAILABLE")
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_large_body_is_refused(bank: Suite, ada: Person, echo: Echo) -> None:
    check_failure(
        bank.call("gateway", "POST", "/api/transactions/deposit", ada, data=b"x" * 70_000), 413, "PAYLOAD_TOO_LARGE"
    )
    assert echo.seen == []


@pytest.mark.parametrize(("size", "status"), [(60_000, 200), (65_536, 413), (70_000, 413), (200_000, 413)])
def test_a_large_chunked_body_is_refused_instead_of_truncated(
    bank: Suite, ada: Person, echo: Echo, size: int, status: int
) -> None:
    """It has no Content-Length, so its length is known only after reading."""
    answer = bank.call(
        "gateway",
        "POST",
        "/api/transactions/deposit",
        ada,
        environ_overrides={"wsgi.input": io.BytesIO(b"x" * size), "wsgi.input_terminated": True},
    )
    assert answer.status_code == status
    assert [len(arrived["body"]) for arrived in echo.seen] == ([size] if status == 200 else [])


def test_an_unknown_method_is_refused(bank: Suite, ada: Person, echo: Echo) -> None:
    check_failure(bank.call("gateway", "TRACE", "/api/transactions/list", ada), 405, "METHOD_NOT_ALLOWED")
    assert echo.seen == []


@pytest.mark.parametrize("path", ["/api/auth/jwks", "/api/auth/verify_token", "/api/auth/login", "/api/auth/nowhere"])
@pytest.mark.parametrize("is_known", [True, False])
def test_head_returns_the_headers_of_get(bank: Suite, ada: Person, path: str, is_known: bool) -> None:
    person = ada if is_known else None
    head, get = (bank.call("gateway", method, path, person) for method in ("HEAD", "GET"))
    assert head.status_code == get.status_code
    assert head.data == b""
    assert int(head.headers["Content-Length"]) == len(get.data) > 0
    assert without_id(head) == without_id(get)


def without_id(answer: TestResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "X-Request-ID"}


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "zstd"])
def test_a_compressed_body_is_refused_with_the_accepted_coding(bank: Suite, ada: Person, coding: str) -> None:
    headers = {"Content-Encoding": coding}
    for path in ("/api/auth/login", "/api/auth/logout", "/api/auth/token", "/api/auth/update_profile"):
        answer = bank.call("gateway", "POST", path, ada, headers=headers, json={"username": "ada"})
        check_failure(answer, 415, "UNSUPPORTED_MEDIA_TYPE")
        assert answer.headers["Accept-Encoding"] == "identity"
