"""A rebuild makes the projection equal to the ledger, and reports the differences."""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, select, update

from shared.core.ids import dashed, new_ids
from shared.http.client import NoAnswer
from tests.support.desk import OWNER, Desk, open_desk
from tests.support.repository import ROOT
from transaction_service import projection_logic
from transaction_service.category_storage import CategoryStorage
from transaction_service.rebuild import rebuild_logic
from transaction_service.rebuild.__main__ import report
from transaction_service.rebuild.rebuild_storage import Differences, RebuildStorage
from transaction_service.transaction_models import DailyVolume, IndexedLeg, NewLeg, TransactionRow, db
from transaction_service.transaction_storage import Annotation
from transaction_service.volumes.amount_storage import Scope
from transaction_service.volumes.volume_storage import CategoryVolume


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Desk]:
    with open_desk(tmp_path_factory.mktemp("rebuild"), database) as desk:
        yield desk


@pytest.fixture
def desk(both: Desk) -> Desk:
    both.ledger.is_reachable = both.ledger.responds = True
    both.restart()
    return both


def rebuild(desk: Desk) -> tuple[Differences, list[int]]:
    reported: list[int] = []
    storage = RebuildStorage(db)
    found = rebuild_logic.rebuild(storage, desk.storage, desk.progress, desk.ledger, reported.append)
    desk.restart()
    return found, reported


def test_a_rebuild_of_a_correct_projection_changes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild_logic, "PAGE", 2)
    account = desk.open()
    for _ in range(5):
        desk.deposit(account, key=str(uuid4()))
    before = desk.progress.find().sequence
    found, reported = rebuild(desk)
    assert (found.missing, found.changed, found.gone, found.sums) == ([], [], [], 0)
    assert found.decided >= 5
    assert (reported, reported[-1]) == (sorted(reported), before)
    assert desk.progress.find().sequence == before
    assert desk.balance(account) == desk.summed(account) == 500


def test_a_rebuild_reports_and_repairs_differences(desk: Desk) -> None:
    account = desk.open()
    missing, changed = desk.deposit(account).transaction, desk.deposit(account).transaction
    with desk.storage.transaction():
        for leg in (IndexedLeg, NewLeg):
            db.session.execute(delete(leg).where(leg.transaction_id == missing.id))
        db.session.execute(delete(TransactionRow).where(TransactionRow.id == missing.id))
        db.session.execute(
            update(TransactionRow).where(TransactionRow.id == changed.id).values(description="somebody's else")
        )
        row = dict(
            db.session.execute(select(TransactionRow.__table__).where(TransactionRow.id == changed.id)).mappings().one()
        )
        gone = row | {"id": uuid4().hex}
        db.session.execute(insert(TransactionRow), [gone])
        theirs = (DailyVolume.user_id == OWNER.hex, DailyVolume.account_id == account.id.hex)
        db.session.execute(update(DailyVolume).where(*theirs).values(count=7))
    found, _ = rebuild(desk)
    assert (found.missing, found.changed, found.gone, found.sums) == ([missing.id], [changed.id], [gone["id"]], 1)
    assert desk.balance(account) == desk.summed(account) == 200
    lines = report(found)
    assert f"  {dashed(missing.id)}" in lines
    assert "1 sums were different" in lines


def test_a_rebuild_keeps_the_categories_of_customers(desk: Desk) -> None:
    account, categories = desk.open(), CategoryStorage(db)
    paid = desk.deposit(account).transaction
    with categories.transaction():
        categories.put(OWNER.hex, paid.id, "income")
    rebuild(desk)
    desk.storage.refresh()
    assert desk.storage.annotate(OWNER.hex, [paid.id]) == {paid.id: Annotation(None, "income")}
    assert categories.sums(OWNER.hex, Scope(account.id.hex)) == {"income": CategoryVolume(1, 100, 0)}


def test_a_rebuild_keeps_pending_transactions(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.is_reachable = False
    outcome = desk.deposit(account, key="pending")
    desk.ledger.is_reachable = True
    rebuild(desk)
    assert desk.status(outcome) == "pending"
    assert desk.deposit(account, key="pending").transaction.id == outcome.transaction.id
    assert desk.balance(account) == desk.summed(account) == 100


def test_a_rebuild_keeps_the_aliases_of_transactions(desk: Desk) -> None:
    account = desk.open()
    desk.ledger.is_reachable = False
    pending = desk.deposit(account, key="twice")
    desk.ledger.is_reachable = True
    desk.ledger.post([desk.order(account, "twice")])
    desk.resend()
    rebuild(desk)
    assert desk.status(pending) == "completed"


def test_an_interrupted_rebuild_changes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    account = desk.open()
    desk.deposit(account)
    monkeypatch.setattr(rebuild_logic, "PAGE", 1)
    list_after, calls = desk.ledger.list_after, iter(range(100))

    def breaks_off(sequence: int, limit: int) -> object:
        if next(calls) == 1:
            raise NoAnswer(may_have_arrived=True)
        return list_after(sequence, limit)

    with monkeypatch.context() as patch:
        patch.setattr(desk.ledger, "list_after", breaks_off)
        with pytest.raises(NoAnswer):
            rebuild(desk)
    desk.restart()
    assert desk.balance(account) == desk.summed(account) == 100


def test_a_rebuild_repairs_a_projection_ahead_of_the_ledger(desk: Desk) -> None:
    account = desk.open()
    desk.deposit(account)
    with desk.storage.transaction():
        desk.progress.advance(10**6, uuid4().hex)
    with pytest.raises(projection_logic.LedgerMismatch):
        desk.restart()
    rebuild(desk)
    assert desk.deposit(account).transaction.status == "completed"


def test_the_report_shows_only_the_first_ids_of_a_long_list() -> None:
    lines = report(Differences(30, new_ids(30), [], [], 0))
    assert (lines[1], lines[22], lines[23]) == (
        "30 were missing:",
        "  and 10 more",
        "0 were different from the ledger",
    )


@pytest.mark.parametrize("program", [["rebuild.py"], ["-m", "transaction_service.rebuild"]])
def test_a_mistyped_option_rebuilds_nothing(program: list[str]) -> None:
    ended = subprocess.run([sys.executable, *program, "--hlep"], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "unrecognized arguments: --hlep" in ended.stderr


def test_the_database_of_a_running_service_is_not_rebuilt(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "live").touch()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        given = {"BANK_DATA_DIR": str(tmp_path), "TRANSACTION_SERVICE_URL": f"http://127.0.0.1:{server.server_port}"}
        command = [sys.executable, "rebuild.py"]
        ended = subprocess.run(command, cwd=ROOT, env={**os.environ, **given}, capture_output=True, text=True)
        server.shutdown()
    assert ended.returncode == 1
    assert ended.stderr.startswith("can't rebuild: the transaction service runs at http://127.0.0.1:")
