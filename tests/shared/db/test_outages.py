"""Restarts of PostgreSQL under load cause no 500 and neither lose nor double a payment."""

import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask, Response
from sqlalchemy import text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.test import TestResponse

from shared.db import engines, outages
from shared.db.database import Database
from shared.db.outages import CommitUnknown, ConnectionLost, rerun_when_aborted, rerun_when_unsure
from shared.web import responses
from tests.support import postgres
from tests.support.suite import ADDRESSES, Person, Suite

pytestmark = pytest.mark.timing


class Base(DeclarativeBase):
    pass


db = Database(Base)


class Shelf(Base):
    __tablename__ = "shelf"

    id: Mapped[int] = mapped_column(primary_key=True)
    items: Mapped[int]


@pytest.fixture(scope="module")
def app() -> Iterator[Flask]:
    with postgres.database() as url:
        app = Flask("warehouse")
        responses.install_error_handlers(app)
        app.add_url_rule("/items", view_func=items)
        app.add_url_rule("/two-steps", view_func=two_steps, methods=["POST"])
        db.connect(app, url)
        with app.app_context(), db.transaction():
            db.session.add(Shelf(id=1, items=0))
        yield app
        db.close()


broken: list[str] = []


def break_connection() -> None:
    """Terminate all connections on the server, once for each entry in `broken`."""
    if broken:
        broken.pop()
        parts = db.writer.url
        with closing(psycopg.connect(host=str(parts.query["host"]), user="bank", dbname="postgres")) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE datname = %s", [parts.database]
            )


def items() -> Response:
    db.session.execute(text("SELECT 1"))
    break_connection()
    found = db.session.execute(text("SELECT items FROM shelf WHERE id = 1")).scalar_one()
    return responses.success(items=found)


def two_steps() -> Response:
    with db.transaction():
        add_in_transaction(1)
    return items()


def add(count: int) -> None:
    with db.transaction():
        add_in_transaction(count)
        break_connection()


def add_in_transaction(count: int) -> None:
    shelf = db.session.get(Shelf, 1)
    assert shelf
    shelf.items += count


def count_of(app: Flask) -> int:
    with app.app_context():
        return int(db.session.execute(text("SELECT items FROM shelf WHERE id = 1")).scalar_one())


def test_a_read_that_loses_its_connection_is_rerun(app: Flask) -> None:
    broken[:] = ["once", "twice"]
    assert app.test_client().get("/items").status_code == 200
    assert not broken


def test_a_request_that_has_committed_is_not_rerun(app: Flask) -> None:
    before = count_of(app)
    broken[:] = ["after the commit"]
    answer = app.test_client().post("/two-steps")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert count_of(app) == before + 1


def test_a_transaction_that_loses_its_connection_changes_nothing(app: Flask) -> None:
    before = count_of(app)
    broken[:] = ["once"]
    with app.app_context(), pytest.raises(ConnectionLost):
        add(1)
    assert count_of(app) == before


def test_a_transaction_lost_before_its_commit_is_rerun(app: Flask) -> None:
    before = count_of(app)
    broken[:] = ["once"]
    with app.app_context():
        rerun_when_aborted(add)(3)
    assert not broken
    assert count_of(app) == before + 3


@pytest.mark.parametrize("committed", [True, False])
def test_a_commit_without_an_answer_has_an_unknown_outcome(
    app: Flask, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    before, runs = count_of(app), []

    def lose(connection: psycopg.Connection[Any]) -> None:
        if committed:
            commit(connection)
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    def once() -> None:
        runs.append(1)
        add(1)

    commit = psycopg.Connection.commit
    with app.app_context():
        with monkeypatch.context() as patch:
            patch.setattr(psycopg.Connection, "commit", lose)
            with pytest.raises(CommitUnknown) as unknown:
                rerun_when_aborted(once)()
        assert (unknown.value.status, unknown.value.details) == (503, {"outcome": "unknown"})
        assert len(runs) == 1
        assert count_of(app) == before + committed


def test_idempotent_work_is_rerun_after_a_commit_without_an_answer(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    left, commit = ["once"], psycopg.Connection.commit

    def lose(connection: psycopg.Connection[Any]) -> None:
        commit(connection)
        if left:
            left.pop()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    @rerun_when_unsure
    def set_to(count: int) -> None:
        with db.transaction():
            db.session.execute(text("UPDATE shelf SET items = :count WHERE id = 1"), {"count": count})

    monkeypatch.setattr(psycopg.Connection, "commit", lose)
    with app.app_context():
        set_to(50)
    assert not left
    assert count_of(app) == 50


def test_requests_fail_fast_during_a_long_outage(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "WAIT_SECONDS", 1.0)
    db.writer.dispose()
    with monkeypatch.context() as away:
        away.setattr(psycopg, "connect", refuse)
        began = time.monotonic()
        first = app.test_client().get("/items")
        after_first = time.monotonic()
        second = app.test_client().get("/items")
        after_second = time.monotonic()
    assert {first.status_code, second.status_code} == {503}
    assert first.headers["Retry-After"] == "1"
    assert after_first - began >= 1.0
    assert after_second - after_first < 0.8
    assert app.test_client().get("/items").status_code == 200


def refuse(*_args: object, **_kwargs: object) -> None:
    raise psycopg.OperationalError("connection refused")


def test_a_request_without_a_free_connection_is_answered_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "WRITE_WAIT_SECONDS", 0.05)
    app = Flask("busy")
    responses.install_error_handlers(app)
    with postgres.database() as url, closing(Database()) as busy:

        @app.get("/check")
        def check() -> str:
            busy.check()
            return "ok"

        busy.connect(app, url)
        taken = [busy.reader.connect() for _ in range(engines.READERS)]
        answer = app.test_client().get("/check")
        for connection in taken:
            connection.close()
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert app.test_client().get("/check").status_code == 200


@dataclass
class Client:
    """A client that pays, reads and logs in until stopped, and records every response."""

    suite: Suite
    person: Person
    source: str
    target: str
    answers: list[TestResponse] = field(default_factory=list)
    payments: dict[str, int] = field(default_factory=dict)

    def pay(self, key: str) -> int:
        body = {"from_account_id": self.source, "to_account_id": self.target, "amount": "0.01"}
        answer = self.call("transaction", "POST", "/api/transactions/transfer", json=body, key=key)
        self.payments[key] = answer.status_code
        return answer.status_code

    def work(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.pay(secrets.token_hex(8))
            self.call("account", "GET", f"/api/accounts/details/{self.source}")
            self.call("transaction", "GET", "/api/transactions/summary")
            self.call("reporting", "GET", "/api/reports/transactions")
            self.call("auth", "GET", "/api/auth/users/profile")
            self.call("auth", "PUT", "/api/auth/users/profile", json={"full_name": secrets.token_hex(4)})

    def call(self, name: str, method: str, path: str, key: str | None = None, **options: Any) -> TestResponse:
        headers = {"Idempotency-Key": key} if key else {}
        answer = self.suite.call(name, method, path, self.person, headers=headers, **options)
        self.answers.append(answer)
        return answer

    def balance(self, account_id: str) -> str:
        answer = self.suite.call("account", "GET", f"/api/accounts/details/{account_id}", self.person)
        assert answer.json is not None
        return str(answer.json["account"]["balance"])


@contextmanager
def bank(folder: Path, data_dir: Path) -> Iterator[Suite]:
    urls = {}
    with closing(psycopg.connect(host=str(folder), user="bank", dbname="postgres", autocommit=True)) as admin:
        for name in ADDRESSES:
            admin.execute(f"CREATE DATABASE {name}".encode())
            urls[f"{name.upper()}_DATABASE_URL"] = f"postgresql+psycopg://bank@/{name}?host={folder}"
    suite = Suite(data_dir, tuple(ADDRESSES), **urls).start()
    yield suite
    suite.stop()


def client_of(suite: Suite) -> Client:
    person = suite.person()
    return Client(suite, person, person.open("1000.00")["id"], person.open()["id"])


def end_all(client: Client) -> None:
    """Repeat every payment with its key until it is completed."""
    for key in client.payments:
        deadline = time.monotonic() + 30
        while client.pay(key) != 201:
            assert time.monotonic() < deadline
            time.sleep(0.2)


@pytest.mark.skipif(postgres.programs_folder() is None, reason="PostgreSQL is not installed")
def test_restarts_under_load_lose_no_payment(tmp_path: Path) -> None:
    with postgres.cluster_folder("max_connections=300") as folder, bank(folder, tmp_path) as suite:
        clients = [client_of(suite) for _ in range(6)]
        stop = threading.Event()
        with ThreadPoolExecutor(len(clients)) as pool:
            work = [pool.submit(client.work, stop) for client in clients]
            for mode in ("fast", "immediate"):
                time.sleep(1)
                postgres.restart(folder, mode)
            time.sleep(1)
            stop.set()
        for done in work:
            done.result()
        answers = [answer for client in clients for answer in client.answers]
        assert {answer.status_code for answer in answers} <= {200, 201, 202, 409, 503}
        assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 503)
        for client in clients:
            end_all(client)
            paid = len(client.payments)
            assert paid > 5
            assert client.balance(client.target) == f"{paid / 100:.2f}"
            assert client.balance(client.source) == f"{1000 - paid / 100:.2f}"
        assert suite.log_in(clients[0].person.username).user_id == clients[0].person.user_id
