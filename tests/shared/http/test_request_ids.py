"""Each request has an id, the client's if well formed, in the response and in every log line."""

import logging
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask, current_app, has_app_context
from flask.testing import FlaskClient

from shared.http import request_ids
from shared.web import logs
from tests.support.processes import eventually
from tests.support.suite import Person, Suite
from transaction_service import posting_logic

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
def test_a_well_formed_request_id_is_used(client: FlaskClient, given: str) -> None:
    answer = client.get("/", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] == given
    assert seen == [given]


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a;b", "<script>", 'a"b', "é"])
def test_a_malformed_request_id_is_replaced(client: FlaskClient, given: str) -> None:
    answer = client.get("/", headers={"X-Request-ID": given})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])
    assert seen[0] == answer.headers["X-Request-ID"]


def test_each_request_has_its_own_id(client: FlaskClient) -> None:
    assert len({client.get("/").headers["X-Request-ID"] for _ in range(5)}) == 5


def test_a_request_to_an_unknown_path_has_an_id(client: FlaskClient) -> None:
    assert client.get("/nowhere", headers={"X-Request-ID": "abc"}).headers["X-Request-ID"] == "abc"


def test_outside_of_a_request_there_is_no_id(client: FlaskClient) -> None:
    client.get("/")
    assert request_ids.current() is None


def test_a_nested_request_does_not_change_the_outer_id(client: FlaskClient) -> None:
    outer = Flask("outer")
    request_ids.install(outer)

    @outer.get("/")
    def call() -> list[str | None]:
        return [client.get("/").headers["X-Request-ID"], request_ids.current()]

    inner_id, outer_id = outer.test_client().get("/", headers={"X-Request-ID": "abc"}).get_json()
    assert outer_id == "abc" != inner_id


class LogFiles(logging.Handler):
    """Collects each service's log records; the gateway's fast path runs outside of its app."""

    def __init__(self) -> None:
        super().__init__()
        self.by_service: defaultdict[str, str] = defaultdict(str)
        self.setFormatter(logs._JsonLine(""))

    def emit(self, record: logging.LogRecord) -> None:
        name = current_app.name if has_app_context() else "api-gateway"
        self.by_service[name] += self.format(record) + "\n"

    def services_that_name(self, request_id: str) -> set[str]:
        return {name for name, text in self.by_service.items() if f'"{request_id}"' in text}


@pytest.fixture
def log_files() -> Iterator[LogFiles]:
    files, root = LogFiles(), logging.getLogger()
    level = root.level
    root.addHandler(files)
    root.setLevel(logging.INFO)
    yield files
    root.removeHandler(files)
    root.setLevel(level)


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    return bank.person("ada")


@pytest.fixture(scope="module")
def account_id(ada: Person) -> str:
    return str(ada.open()["id"])


def deposit(bank: Suite, person: Person, account_id: str, name: str, request_id: str) -> int:
    body, headers = {"account_id": account_id, "amount": "1.00"}, {"X-Request-ID": request_id}
    return bank.call(name, "POST", "/api/transactions/deposit", person, json=body, headers=headers).status_code


def test_each_service_logs_the_id_of_a_payment_that_came_in_a_batch(
    bank: Suite, ada: Person, account_id: str, log_files: LogFiles
) -> None:
    assert deposit(bank, ada, account_id, "gateway", "batched-1") == 201
    expected = {"api-gateway", "transaction-service", "account-service"}
    eventually(lambda: log_files.services_that_name("batched-1") == expected)  # lines are written after the answer


def test_each_service_logs_the_id_of_a_payment_that_came_alone(
    bank: Suite, ada: Person, account_id: str, log_files: LogFiles
) -> None:
    assert deposit(bank, ada, account_id, "transaction", "alone-1") == 201
    assert log_files.services_that_name("alone-1") == {"transaction-service", "account-service"}


@pytest.mark.parametrize("is_old", [False, True])
def test_retries_are_logged_with_their_request_ids(
    bank: Suite,
    ada: Person,
    account_id: str,
    log_files: LogFiles,
    monkeypatch: pytest.MonkeyPatch,
    is_old: bool,
) -> None:
    bank.adapters["account"].down = True
    assert deposit(bank, ada, account_id, "transaction", f"lost-{is_old}") == 202
    if is_old:
        monkeypatch.setattr(posting_logic, "VOID_AFTER", timedelta(0))
    log_files.by_service.clear()
    bank.adapters["account"].down = False
    eventually(lambda: len(log_files.services_that_name(f"lost-{is_old}")) == 2)
