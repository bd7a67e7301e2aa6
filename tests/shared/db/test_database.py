"""Transactions are atomic and durable, and concurrent writers lose no update."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import ForeignKey
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from shared.core.errors import ServiceUnavailable
from shared.db import database as database_module
from shared.db import driver
from shared.db.sqlite import sqlite3
from tests.shared.db.shelves import Base, Shelf, Shelves, db, take_one


class Label(Base):
    __tablename__ = "label"

    id: Mapped[int] = mapped_column(primary_key=True)
    shelf_id: Mapped[int] = mapped_column(ForeignKey("shelf.id"))


def test_forty_threads_take_ten_items_and_ten_of_them_succeed(app: Flask, shelves: Shelves) -> None:
    with ThreadPoolExecutor(40) as pool:
        took = list(pool.map(lambda _: take_one(app, shelves), range(40)))
    assert sum(took) == 10
    with app.app_context():
        assert shelves.items(1) == 0


def test_a_transaction_excludes_other_writers_from_its_first_read(app: Flask, shelves: Shelves) -> None:
    file = app.config["SQLALCHEMY_DATABASE_URI"].removeprefix("sqlite:///")
    with closing(sqlite3.connect(file, timeout=0)) as other, app.app_context(), shelves.transaction():
        shelves.find(1)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")


def add_and_raise(app: Flask, shelves: Shelves, error: BaseException) -> None:
    with app.app_context(), shelves.transaction():
        shelves.add(Shelf(id=2, items=1))
        db.session.flush()
        raise error


@pytest.mark.parametrize("error", [ZeroDivisionError(), SystemExit(), KeyboardInterrupt()])
def test_an_exception_rolls_back(app: Flask, shelves: Shelves, error: BaseException) -> None:
    with pytest.raises(type(error)):
        add_and_raise(app, shelves, error)
    with app.app_context():
        assert shelves.find(2) is None
        with shelves.transaction():
            shelves.add(Shelf(id=2, items=3))
    with app.app_context():
        assert shelves.items(2) == 3


def test_a_violated_constraint_rolls_back_everything(app: Flask, shelves: Shelves) -> None:
    def add_good_and_bad() -> None:
        with app.app_context(), shelves.transaction():
            shelves.add(Shelf(id=2, items=1))
            shelves.add(Shelf(id=3, items=-1))

    with pytest.raises(IntegrityError):
        add_good_and_bad()
    with app.app_context():
        assert shelves.find(2) is None
        assert shelves.items(1) == 10


def test_foreign_keys_are_enforced(app: Flask, shelves: Shelves) -> None:
    with app.app_context(), pytest.raises(IntegrityError), shelves.transaction():
        db.session.add(Label(id=1, shelf_id=99))


def label_nothing(app: Flask, shelves: Shelves) -> None:
    """Violate a deferred foreign key, which SQLite checks at COMMIT."""
    with app.app_context(), shelves.transaction():
        driver.run(db.writing_connection(), "PRAGMA defer_foreign_keys = ON")
        driver.run(db.writing_connection(), "INSERT INTO label (id, shelf_id) VALUES (1, 99)")


def test_a_failed_commit_rolls_back_and_blocks_no_writer(app: Flask, shelves: Shelves) -> None:
    with pytest.raises(IntegrityError):
        label_nothing(app, shelves)
    assert take_one(app, shelves)
    with app.app_context():
        assert shelves.items(1) == 9
        assert db.session.get(Label, 1) is None


def break_connection(app: Flask, shelves: Shelves) -> None:
    with app.app_context(), shelves.transaction():
        shelf = shelves.find(1)
        assert shelf
        shelf.items = 1
        db.session.flush()
        raw: Any = db.writing_connection().connection.dbapi_connection
        raw.close()


def test_a_broken_connection_is_replaced(app: Flask, shelves: Shelves) -> None:
    with pytest.raises(Exception, match="closed database"):
        break_connection(app, shelves)
    assert take_one(app, shelves)
    with app.app_context():
        assert shelves.items(1) == 9


def test_the_writers_connection_is_kept(app: Flask, shelves: Shelves) -> None:
    with app.app_context():
        with shelves.transaction():
            first = db.writing_connection()
        with shelves.transaction():
            assert db.writing_connection() is first


def test_a_transaction_does_not_nest(app: Flask, shelves: Shelves) -> None:
    with app.app_context(), shelves.transaction():
        inner = shelves.transaction()
        with pytest.raises(RuntimeError, match="open already"):
            inner.__enter__()
    with app.app_context(), shelves.transaction():
        assert shelves.items(1) == 10


def test_a_transaction_does_not_nest_in_another_context_of_the_thread(app: Flask, shelves: Shelves) -> None:
    with app.app_context(), shelves.transaction(), app.app_context():
        inner = shelves.transaction()
        with pytest.raises(RuntimeError, match="open already"):
            inner.__enter__()


def write_by_session_and_driver(shelves: Shelves, *, then_divide_by: int) -> None:
    with shelves.transaction():
        shelves.add(Shelf(id=8, items=1))
        driver.run(db.writing_connection(), "UPDATE shelf SET items = 3 WHERE id = 1")
        assert 1 / then_divide_by


def test_session_and_driver_write_in_one_transaction(app: Flask, shelves: Shelves) -> None:
    with app.app_context():
        with pytest.raises(ZeroDivisionError):
            write_by_session_and_driver(shelves, then_divide_by=0)
        assert (shelves.find(8), shelves.items(1)) == (None, 10)
        write_by_session_and_driver(shelves, then_divide_by=1)
        assert (shelves.items(8), shelves.items(1)) == (1, 3)


def test_there_is_no_writing_connection_outside_of_a_transaction(app: Flask) -> None:
    with app.app_context(), pytest.raises(RuntimeError):
        db.writing_connection()


def test_a_transaction_reads_the_current_state(app: Flask, shelves: Shelves) -> None:
    with app.app_context():
        before = shelves.find(1)
        assert before is not None
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(take_one, app, shelves).result()
        with shelves.transaction():
            inside = shelves.find(1)
            assert inside is not None
            assert (before.items, inside.items) == (10, 9)


def test_readers_see_the_last_commit_without_waiting_for_writers(app: Flask, shelves: Shelves) -> None:
    writing, done = threading.Event(), threading.Event()

    def write() -> None:
        with app.app_context(), shelves.transaction():
            shelf = shelves.find(1)
            assert shelf is not None
            shelf.items = 3
            db.session.flush()
            writing.set()
            assert done.wait(5)

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        assert writing.wait(5)
        with app.app_context():
            assert shelves.items(1) == 10
        done.set()
        writer.result()
    with app.app_context():
        assert shelves.items(1) == 3


def test_writing_outside_of_a_transaction_is_refused(app: Flask, shelves: Shelves) -> None:
    with app.app_context():
        shelves.add(Shelf(id=2, items=1))
        with pytest.raises(OperationalError, match="readonly"):
            db.session.flush()
        db.session.rollback()


def test_committed_rows_are_visible_to_other_connections(app: Flask, shelves: Shelves, tmp_path: Path) -> None:
    take_one(app, shelves)
    other = sqlite3.connect(tmp_path / "warehouse.db")
    try:
        assert other.execute("SELECT items FROM shelf").fetchall() == [(9,)]
    finally:
        other.close()


def test_every_writing_connection_is_durable(app: Flask) -> None:
    with app.app_context(), db.transaction():
        settings = {
            name: db.session.connection().exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_waiting_too_long_for_the_writer_is_503(app: Flask, shelves: Shelves, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "WRITE_WAIT_SECONDS", 0.01)
    with app.app_context(), shelves.transaction(), ThreadPoolExecutor(1) as pool:
        second = pool.submit(take_one, app, shelves)
        assert isinstance(second.exception(5), ServiceUnavailable)
    assert take_one(app, shelves)


def test_instants_are_read_in_utc(app: Flask, shelves: Shelves) -> None:
    there = datetime(2026, 1, 31, 12, 30, tzinfo=timezone(timedelta(hours=-5)))
    with app.app_context(), shelves.transaction():
        shelves.add(Shelf(id=2, items=1, filled_at=there))
    with app.app_context():
        shelf = shelves.find(2)
        assert shelf is not None
        assert shelf.filled_at == there
        assert shelf.filled_at.tzinfo is UTC


def fill_up(app: Flask, shelves: Shelves) -> None:
    with app.app_context(), shelves.transaction():
        for number in range(2, 5_000):
            shelves.add(Shelf(id=number, items=1))


def let_grow_to(app: Flask, shelves: Shelves, pages: int) -> None:
    """Limit the size of the SQLite file."""
    with app.app_context(), shelves.transaction():
        driver.run(db.writing_connection(), f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_is_503_and_rolls_back(app: Flask, shelves: Shelves) -> None:
    let_grow_to(app, shelves, 5)
    with pytest.raises(ServiceUnavailable):
        fill_up(app, shelves)
    with app.app_context():
        assert shelves.find(2) is None
    let_grow_to(app, shelves, 4294967294)
    assert take_one(app, shelves)
