"""Statement exports over the real services: what the ZIP has, who may have it, and what ends one."""

import io
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from werkzeug.test import TestResponse

from reporting_service.reporting_models import StatementExport, db
from reporting_service.statement_exports import export_worker_logic, statement_export_logic
from reporting_service.statement_exports.export_worker_logic import MAX_ATTEMPTS, ExportWorker
from reporting_service.statement_exports.statement_export_logic import MAX_KEPT, StatementExportTools
from reporting_service.statement_exports.statement_export_storage import StatementExportStorage
from shared.core import clock
from shared.core.errors import ServiceUnavailable
from shared.web.parts import part
from tests.reporting.set_clock import SetClock
from tests.reporting.statements.conftest import Branch
from tests.support.processes import eventually
from tests.support.suite import Suite

PATH = "/api/reports/exports"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def branch(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Branch]:
    patch, settable = pytest.MonkeyPatch(), SetClock()
    patch.setattr(clock, "datetime", settable)
    settable.set(datetime(2026, 9, 15, 12, tzinfo=UTC))
    names = ("auth", "account", "transaction", "reporting")
    suite = Suite(tmp_path_factory.mktemp("bank"), names, database=request.param).start()
    yield Branch(suite, settable)
    suite.stop()
    patch.undo()


@pytest.fixture(scope="module")
def accounts(branch: Branch) -> list[str]:
    """Ada's two accounts: one opened in September, one in October. It is the tenth of November."""
    branch.at("2026-09-20T12:00:00Z")
    first = branch.open()
    branch.pay("deposit", account_id=first["id"], amount="500.00", description="Salary")
    branch.at("2026-10-05T12:00:00Z")
    second = branch.open(account_type="savings")
    branch.pay("deposit", account_id=second["id"], amount="20.00")
    branch.at("2026-11-10T12:00:00Z")
    return [first["id"], second["id"]]


@pytest.fixture(autouse=True)
def _none_is_left(branch: Branch, accounts: list[str]) -> Iterator[None]:
    yield
    branch.at("2026-11-10T12:00:00Z")
    for export in (call(branch, "GET").json or {})["exports"]:
        call(branch, "DELETE", f"/{export['id']}")


def call(branch: Branch, method: str, path: str = "", name: str = "ada", **body: Any) -> TestResponse:
    options = {"json": body} if method == "POST" else {}
    return branch.suite.call("reporting", method, f"{PATH}{path}", branch.person(name), **options)


def start(branch: Branch, **body: Any) -> dict[str, Any]:
    answer = call(branch, "POST", **{"year": 2026, **body})
    assert answer.status_code == 202, answer.text
    export: dict[str, Any] = (answer.json or {})["export"]
    return export


def state_of(branch: Branch, export: dict[str, Any]) -> dict[str, Any]:
    answer = call(branch, "GET", f"/{export['id']}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = (answer.json or {})["export"]
    return found


def ended(branch: Branch, export: dict[str, Any]) -> dict[str, Any]:
    eventually(lambda: state_of(branch, export)["state"] in {"ready", "failed"}, within_seconds=60)
    return state_of(branch, export)


def worker_of(branch: Branch) -> ExportWorker:
    tools = part(StatementExportTools, branch.suite.apps["reporting"])
    return tools.worker


@pytest.fixture
def held(branch: Branch, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Hold up the making of statements until the event is set."""
    event = threading.Event()
    original = ExportWorker.make_statement

    def wait(*args: Any) -> Any:
        assert event.wait(60)
        return original(*args)

    monkeypatch.setattr(ExportWorker, "make_statement", wait)
    yield event
    event.set()


def test_an_export_has_each_month_of_each_account_as_the_api_answers_it(branch: Branch, accounts: list[str]) -> None:
    export = start(branch, formats=["pdf", "csv"])
    assert (export["total"], export["account_ids"]) == (10, accounts)
    found = ended(branch, export)
    assert (found["state"], found["done"], found["progress"], found["failure"]) == ("ready", 10, 100, None)
    answer = call(branch, "GET", f"/{export['id']}/download")
    assert (answer.status_code, answer.content_type) == (200, "application/zip")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="statements-2026.zip"'
    assert len(answer.data) == found["size_bytes"]
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    assert len(files) == 10
    for place, (account, kind) in enumerate(zip(accounts, ("checking", "savings"), strict=True)):
        for month in ("2026-09", "2026-10", "2026-11")[place:]:
            for form in ("pdf", "csv"):
                (data,) = [
                    data
                    for name, data in files.items()
                    if name.startswith(f"{place + 1}-{kind}-") and name.endswith(f"-{month}.{form}")
                ]
                assert data == branch.get(account, month=month, format=form).data


def test_a_user_has_one_export_at_a_time_with_its_progress(branch: Branch, held: threading.Event) -> None:
    export = start(branch)
    eventually(lambda: state_of(branch, export)["state"] == "running", within_seconds=30)
    again = call(branch, "POST", year=2026)
    assert (again.status_code, (again.json or {})["error_code"]) == (409, "EXPORT_RUNNING")
    early = call(branch, "GET", f"/{export['id']}/download")
    assert (early.status_code, (early.json or {})["error_code"]) == (400, "EXPORT_NOT_READY")
    assert [one["id"] for one in (call(branch, "GET").json or {})["exports"]] == [export["id"]]
    held.set()
    assert ended(branch, export)["state"] == "ready"


def test_a_removed_export_is_cancelled(branch: Branch, held: threading.Event) -> None:
    export = start(branch)
    assert call(branch, "DELETE", f"/{export['id']}").status_code == 200
    assert call(branch, "GET", f"/{export['id']}").status_code == 404
    held.set()
    assert ended(branch, start(branch))["state"] == "ready"


def test_an_export_is_its_users_alone(branch: Branch) -> None:
    export = start(branch)
    for name in ("bob", "admin"):
        for method, path in (("GET", ""), ("GET", "/download"), ("DELETE", "")):
            assert call(branch, method, f"/{export['id']}{path}", name).status_code == 404
        assert (call(branch, "GET", "", name).json or {})["exports"] == []
    assert branch.suite.call("reporting", "GET", PATH).status_code == 401
    ended(branch, export)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"year": 2027}, "year"),
        ({"year": 2025}, "year"),
        ({"year": 1}, "year"),
        ({"year": "2026"}, "year"),
        ({"formats": []}, "formats"),
        ({"formats": ["docx"]}, "formats.0"),
        ({"formats": ["pdf", "pdf"]}, "formats"),
        ({"account_ids": ["x"]}, "account_ids.0"),
        ({"tz": "Mars/Base"}, "tz"),
        ({"month": 3}, "month"),
    ],
)
def test_a_bad_body_is_refused_by_its_field(branch: Branch, body: dict[str, Any], field: str) -> None:
    answer = call(branch, "POST", **{"year": 2026, **body})
    assert answer.status_code == 400, answer.text
    assert list((answer.json or {})["details"]) == [field]


def test_when_many_wait_another_is_refused_for_a_while(branch: Branch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_export_logic, "MAX_WAITING", 0)
    answer = call(branch, "POST", year=2026)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")


def test_an_account_of_somebody_else_is_not_found(branch: Branch) -> None:
    other = branch.open("bob")
    assert call(branch, "POST", year=2026, account_ids=[other["id"]]).status_code == 404


@pytest.fixture
def idle(branch: Branch, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let nobody make exports until this is undone."""
    monkeypatch.setattr(ExportWorker, "make_next", lambda _worker: False)
    return monkeypatch


def claim(branch: Branch) -> bool:
    """Claim an export as another process would, which is killed after it has stored the first bytes."""
    storage = part(StatementExportTools, branch.suite.apps["reporting"]).storage
    with branch.suite.apps["reporting"].app_context(), storage.transaction():
        at = clock.now()
        export = storage.claim(uuid4(), at, lost_before=at - timedelta(seconds=30))
        if export:
            storage.add_part(export.id, 0, b"half a ZIP")
        return export is not None


def test_an_export_of_a_killed_process_is_begun_anew_by_another(branch: Branch, idle: pytest.MonkeyPatch) -> None:
    export = start(branch)
    assert claim(branch)
    idle.undo()
    worker_of(branch).wake()
    branch.at("2026-11-10T12:00:20Z")
    with branch.suite.apps["reporting"].app_context():
        assert not worker_of(branch).make_next()  # the other process may live
    assert state_of(branch, export)["state"] == "running"
    branch.at("2026-11-10T12:01:00Z")
    worker_of(branch).wake()
    assert ended(branch, export)["state"] == "ready"
    data = call(branch, "GET", f"/{export['id']}/download").data
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None


def test_of_many_workers_one_makes_an_export(branch: Branch, idle: pytest.MonkeyPatch) -> None:
    start(branch)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: claim(branch), range(8))) == 1


def test_an_export_that_is_interrupted_each_time_fails(branch: Branch, idle: pytest.MonkeyPatch) -> None:
    export = start(branch)
    for attempt in range(MAX_ATTEMPTS):
        branch.at(f"2026-11-10T12:0{attempt + 1}:00Z")
        assert claim(branch)
    branch.at("2026-11-10T12:09:00Z")
    idle.undo()
    worker_of(branch).wake()
    found = ended(branch, export)
    assert (found["state"], "interrupted several times" in found["failure"]) == ("failed", True)


@pytest.mark.parametrize("is_away", [False, True], ids=["all services answer", "a service has stopped before"])
def test_what_is_being_made_goes_on_after_a_restart(
    branch: Branch, held: threading.Event, monkeypatch: pytest.MonkeyPatch, is_away: bool
) -> None:
    adapter = branch.suite.adapters["account"]
    export = start(branch)
    eventually(lambda: state_of(branch, export)["state"] == "running", within_seconds=30)
    stop = ExportWorker.stop

    def stop_while_one_is_made(worker: ExportWorker) -> None:
        adapter.down = is_away
        threading.Timer(0.5, held.set).start()
        stop(worker)
        adapter.down = False

    monkeypatch.setattr(ExportWorker, "stop", stop_while_one_is_made)
    branch.suite.restart("reporting")
    monkeypatch.setattr(ExportWorker, "stop", stop)
    assert ended(branch, export)["state"] == "ready"


def test_an_export_of_a_session_that_has_ended_fails(branch: Branch, idle: pytest.MonkeyPatch) -> None:
    carla = branch.person("carla")
    branch.open("carla")
    export = (call(branch, "POST", name="carla", year=2026).json or {})["export"]
    branch.suite.call("auth", "POST", "/api/auth/logout", carla)

    def is_over() -> bool:
        return branch.suite.call("account", "GET", "/api/accounts/list", carla).status_code == 401

    eventually(is_over, within_seconds=30)
    idle.undo()
    worker_of(branch).wake()
    eventually(lambda: stored_export(branch, export["id"]).state == "failed", within_seconds=30)
    found = stored_export(branch, export["id"])
    assert "log in" in (found.failure or "").lower()
    assert found.caller is None


def test_the_token_of_an_export_is_stored_encrypted_and_only_until_it_has_ended(
    branch: Branch, idle: pytest.MonkeyPatch
) -> None:
    export = start(branch)
    token = branch.person("ada").token
    stored = stored_export(branch, export["id"]).caller
    assert stored
    assert token not in stored
    assert token.split(".")[2] not in stored
    idle.undo()
    worker_of(branch).wake()
    ended(branch, export)
    assert stored_export(branch, export["id"]).caller is None


def stored_export(branch: Branch, export_id: str) -> StatementExport:
    with branch.suite.apps["reporting"].app_context():
        found = db.session().get(StatementExport, UUID(export_id))
        assert found
        return found


def test_an_export_waits_for_a_database_that_is_away(branch: Branch, monkeypatch: pytest.MonkeyPatch) -> None:
    is_unavailable = threading.Event()

    def refuse(*_args: Any, **values: Any) -> bool:
        if values.get("state") == "failed":  # the last attempt to write anything
            is_unavailable.set()
        raise ServiceUnavailable

    monkeypatch.setattr(StatementExportStorage, "change_active", refuse)
    export = start(branch)
    assert is_unavailable.wait(30)
    monkeypatch.undo()
    branch.at("2026-11-10T12:02:00Z")
    worker_of(branch).wake()
    assert ended(branch, export)["state"] == "ready"


def test_an_export_is_removed_after_a_week(branch: Branch) -> None:
    export = start(branch)
    assert ended(branch, export)["expires_at"].startswith("2026-11-17T12:0")
    branch.at("2026-11-17T11:00:00Z")
    worker_of(branch).maintain()
    assert call(branch, "GET", f"/{export['id']}/download").status_code == 200
    branch.at("2026-11-17T13:00:00Z")
    worker_of(branch).maintain()
    assert call(branch, "GET", f"/{export['id']}").status_code == 404


def test_the_oldest_export_makes_room_for_a_new_one(branch: Branch) -> None:
    made = [start(branch, formats=["csv"])["id"] for _ in range(MAX_KEPT + 1) if ended_all(branch)]
    ended_all(branch)
    assert [one["id"] for one in (call(branch, "GET").json or {})["exports"]] == made[:0:-1]


def ended_all(branch: Branch) -> bool:
    for export in (call(branch, "GET").json or {})["exports"]:
        ended(branch, export)
    return True


def test_a_service_that_stays_away_fails_the_export(branch: Branch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_worker_logic, "CALL_PAUSE_SECONDS", 0.01)
    adapter = branch.suite.adapters["transaction"]
    adapter.down = True
    try:
        found = ended(branch, start(branch, tz="Asia/Tokyo", formats=["ofx"]))
    finally:
        adapter.down = False
    assert (found["state"], found["failure"]) == (
        "failed",
        "The service is not available right now. Please try again shortly.",
    )
    assert call(branch, "GET", f"/{found['id']}/download").status_code == 400


def test_a_mail_tells_that_an_export_is_ready(branch: Branch) -> None:
    ended(branch, start(branch))
    folder = Path(branch.suite.variables["BANK_DATA_DIR"]) / "outbox"

    def is_told() -> bool:
        return any("Your statements of 2026 are ready" in file.read_text("utf-8") for file in folder.glob("*"))

    eventually(is_told, within_seconds=30)


def test_an_export_is_recorded_in_the_audit_trail(branch: Branch) -> None:
    ended(branch, start(branch))

    def is_recorded() -> bool:
        path = "/api/auth/audit?action=statements.export"
        found = branch.suite.call("auth", "GET", path, branch.person("admin")).json or {}
        return branch.person("ada").user_id in str(found.get("audit"))

    eventually(is_recorded)
