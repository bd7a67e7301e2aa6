"""Opening and closing a SQLite database."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from flask import Flask
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from shared.db.database import Database
from shared.db.file_lock import DatabaseInUse
from shared.db.migrations import DatabaseUnusable
from shared.db.sqlite import sqlite3
from tests.shared.db.shelves import Shelf, Shelves, db, take_one
from tests.support.processes import as_another_user


def test_a_second_process_is_refused(app: Flask, tmp_path: Path) -> None:
    program = (
        "import sys; from flask import Flask\n"
        "from shared.db.database import Database; from shared.db.file_lock import DatabaseInUse\n"
        "try: Database().connect(Flask('second'), sys.argv[1])\n"
        "except DatabaseInUse as error: sys.exit(str(error))"
    )
    second = subprocess.run(
        [sys.executable, "-c", program, f"sqlite:///{tmp_path / 'warehouse.db'}"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert second.returncode == 1
    assert "in use by another process" in second.stderr


@pytest.mark.parametrize(
    "url",
    ["", "bank.db", "sqlite://", "sqlite:///:memory:", "mysql://bank@db/bank", "postgresql+psycopg2://bank@db/bank",
     "postgresql://bank@db:port/bank"],
)  # fmt: skip
def test_an_unsupported_url_is_refused(url: str) -> None:
    with pytest.raises(DatabaseUnusable, match=r"^its database's URL is neither sqlite:///<path> nor postgresql://"):
        Database().connect(Flask("shop"), url)


def test_a_file_other_than_a_database_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear customer, " * 1000)
    with pytest.raises(
        DatabaseUnusable, match=rf"^{path} can't be opened \(file is not a database\): restore the file"
    ):
        Database().connect(Flask("shop"), f"sqlite:///{path}")
    assert path.read_text().startswith("Dear customer")


@pytest.mark.parametrize("name", ["shop.db", "shop.db.lock"])
def test_a_file_of_another_user_is_refused_with_its_name(name: str) -> None:
    with TemporaryDirectory() as folder:  # not tmp_path, which lies in a folder that is closed to others
        Path(folder).chmod(0o777)
        file = Path(folder) / name
        file.touch(mode=0o600)
        expected = rf"^{file} can't be opened \(Permission denied\): give it and its folder to the user"
        with as_another_user(), pytest.raises(DatabaseUnusable, match=expected):
            Database().connect(Flask("shop"), f"sqlite:///{folder}/shop.db")


def test_a_closed_database_can_be_opened_again(app: Flask, shelves: Shelves, tmp_path: Path) -> None:
    with pytest.raises(DatabaseInUse):
        Database().connect(Flask("second"), f"sqlite:///{tmp_path / 'warehouse.db'}")
    db.close()
    again = Flask("again")
    db.connect(again, f"sqlite:///{tmp_path / 'warehouse.db'}")
    with again.app_context():
        assert shelves.items(1) == 10


def test_closing_waits_for_the_open_transaction(app: Flask, shelves: Shelves, tmp_path: Path) -> None:
    is_closing, has_written = threading.Event(), threading.Event()

    def write() -> None:
        with app.app_context(), shelves.transaction():
            shelves.add(Shelf(id=2, items=7))
            db.session.flush()
            has_written.set()
            assert is_closing.wait(5)
            time.sleep(0.1)

    def close() -> None:
        assert has_written.wait(5)
        is_closing.set()
        db.close()

    with ThreadPoolExecutor(2) as pool:
        for ended in [pool.submit(write), pool.submit(close)]:
            ended.result(10)
    with closing(sqlite3.connect(tmp_path / "warehouse.db")) as other:
        assert other.execute("SELECT items FROM shelf WHERE id = 2").fetchall() == [(7,)]


def test_a_database_that_is_connected_to_another_file_writes_there(
    app: Flask, shelves: Shelves, tmp_path: Path
) -> None:
    assert take_one(app, shelves)
    other = Flask("other warehouse")
    db.connect(other, f"sqlite:///{tmp_path / 'other.db'}")
    with other.app_context():
        with shelves.transaction():
            shelves.add(Shelf(id=1, items=5))
        assert shelves.items(1) == 5


def test_files_are_readable_by_their_owner_only(app: Flask, tmp_path: Path) -> None:
    assert (tmp_path / "warehouse.db").stat().st_mode & 0o077 == 0
    assert (tmp_path / "warehouse.db.lock").stat().st_mode & 0o077 == 0


def test_two_databases_have_separate_tables() -> None:
    assert "shelf" in db.metadata.tables
    assert not Database().metadata.tables


def test_the_check_detects_a_missing_database(app: Flask) -> None:
    db.check()
    db.close()
    db.reader.dispose()
    db.reader = create_engine("sqlite:////nowhere/warehouse.db")
    with pytest.raises(OperationalError):
        db.check()
