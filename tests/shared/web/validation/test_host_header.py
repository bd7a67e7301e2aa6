"""HTTP/1.1 requests without exactly one valid host are refused (RFC 9112, section 3.2)."""

import socket
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from shared.web.responses import install_error_handlers, success
from shared.web.validation import host_header
from tests.shared.web.test_serving import SERVICE
from tests.support.processes import RunningProcess, eventually, free_ports, status_of
from tests.support.suite import Person, Suite


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("hosts")
    host_header.install(app)
    install_error_handlers(app)
    app.add_url_rule("/", view_func=success)
    return app.test_client(use_cookies=False)


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:5000", "bank.example", "bank.example:", "127.0.0.1:8001", "my_host-1.local", "[::1]:5000"],
)
def test_a_host_is_accepted(client: FlaskClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "a,b",
        "a, a",
        "a b",
        "user@bank.example",
        "bank.example:port",
        "bank.example:65536",
        "bank.example:999999",
        "bank.example:80:80",
        "bank.example:-1",
        "[::1",
        "[::g]",
        "::1",
        "http://bank.example",
        "bank.example/path",
        "bank.example\\path",
        "bank<script>",
        "b\u00e4nk.example",
        "x" * 300,
    ],
)
def test_an_invalid_host_is_refused(client: FlaskClient, host: str) -> None:
    answer = client.get("/", environ_overrides={"HTTP_HOST": host})
    assert answer.status_code == 400
    assert answer.json == {
        "success": False,
        "message": "The request needs exactly one Host header with a valid host name and port.",
        "error_code": "INVALID_HOST",
        "details": {},
    }


@pytest.mark.parametrize("protocol", ["HTTP/1", "HTTP/1.0"])
def test_http_1_0_need_not_name_a_host(client: FlaskClient, protocol: str) -> None:
    without = {"HTTP_HOST": "", "SERVER_PROTOCOL": protocol}
    assert client.get("/", environ_overrides=without).status_code == 200
    assert client.get("/", environ_overrides=without | {"HTTP_HOST": "a b"}).status_code == 400


@pytest.mark.parametrize("name", ["gateway", "auth", "account", "transaction", "reporting"])
@pytest.mark.parametrize("path", ["/api/live", "/api/health", "/api/nowhere", "/openapi.json"])
def test_each_service_refuses_an_invalid_host_on_every_path(bank: Suite, name: str, path: str) -> None:
    answer = bank.call(name, "GET", path, environ_overrides={"HTTP_HOST": "a,b"})
    assert (answer.status_code, answer.json["error_code"]) == (400, "INVALID_HOST")  # type: ignore[index]  # a failure
    assert answer.headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["/", "/login", "/static/css/custom.css", "/nowhere"])
def test_an_invalid_host_on_a_page_is_an_error_page(bank: Suite, path: str) -> None:
    answer = bank.call("gateway", "GET", path, environ_overrides={"HTTP_HOST": "user@bank"})
    assert (answer.status_code, answer.mimetype) == (400, "text/html")


def test_a_payment_with_an_invalid_host_is_refused(bank: Suite) -> None:
    person: Person = bank.person()
    body = {"account_id": "6f1c2b1e-8a53-4a0e-9d57-0c1d2e3f4a5b", "amount": "1.00"}
    path, bad = "/api/transactions/deposit", {"HTTP_HOST": "a,b"}
    answer = bank.call("gateway", "POST", path, person, json=body, environ_overrides=bad)
    assert (answer.status_code, answer.json["error_code"]) == (400, "INVALID_HOST")  # type: ignore[index]  # a failure


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a running service."""
    (port,) = free_ports(1)
    data = str(tmp_path_factory.mktemp("hosts") / "data")
    with RunningProcess("-c", SERVICE, environment={"BANK_DATA_DIR": data, "SLOW_SERVICE_PORT": str(port)}):
        eventually(lambda: status_of(f"http://127.0.0.1:{port}/api/live") == 200, within_seconds=20)
        yield port


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /api/live HTTP/1.1", 400),
        (b"GET /api/live HTTP/1.1\r\nHost:", 400),
        (b"GET /api/live HTTP/1.1\r\nHost: a\r\nHost: b", 400),
        (b"GET /api/live HTTP/1.1\r\nHost: a\r\nHost: a", 400),
        (b"GET /api/live HTTP/1.1\r\nHost: a b", 400),
        (b"GET /api/live HTTP/1.1\r\nHost: b\xc3\xa4nk", 400),
        (b"GET /api/live HTTP/1.1\r\nHost: [1::2::3]", 400),
        (b"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:8001", 200),
        (b"GET /api/live HTTP/1.0", 200),
    ],
)
def test_the_server_passes_missing_and_repeated_hosts_on(port: int, head: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(head + b"\r\nConnection: close\r\n\r\n")
        assert connection.recv(4096).split()[1] == str(status).encode()
