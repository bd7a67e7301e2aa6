"""Migrations upgrade databases of any age without losing rows, or refuse them with a remedy."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, MetaData, create_engine, text

from shared.db import engines
from shared.db.migrations import DatabaseUnusable, Migrations, SchemaRefused
from shared.db.sqlite import sqlite3
from tests.shared.db.old_databases import database_of, rows
from tests.support import postgres
from tests.support.repository import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:Skipped unsupported reflection:sqlalchemy.exc.SAWarning")


FIRST = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "shop_0001", None

def upgrade():
    op.create_table("shelf", sa.Column("id", sa.Integer, primary_key=True), sa.Column("items", sa.Integer))
    op.create_table(
        "label",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("shelf_id", sa.Integer, sa.ForeignKey("shelf.id", ondelete="CASCADE")),
    )
"""


SECOND = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "shop_0002", "shop_0001"

def upgrade():
    with op.batch_alter_table("shelf") as shelf:
        shelf.add_column(sa.Column("name", sa.String(20), nullable=False, server_default="none"))
        shelf.alter_column("items", nullable=False)
        shelf.create_check_constraint("items_are_counted", "items >= 0")
"""


BROKEN = """
from alembic import op

revision, down_revision = "shop_0003", "shop_0002"

def upgrade():
    op.execute("DELETE FROM label")
    op.execute("INSERT INTO shelf (id, items) VALUES (1, 1)")
"""


LARGE = """
from alembic import op

revision, down_revision = "shop_0003", "shop_0002"

def upgrade():
    op.execute("CREATE TABLE large (content BLOB)")
    op.execute("INSERT INTO large VALUES (zeroblob(100000))")
"""


def sqlite_writer(url: str) -> Engine:
    engine = create_engine(url, **engines.sqlite_options(1))
    engines.set_up_sqlite_writer(engine)
    return engine


@pytest.fixture
def shop(tmp_path: Path) -> Migrations:
    """A small database with two revisions."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "shop_0001.py").write_text(FIRST)
    (folder / "shop_0002.py").write_text(SECOND)
    metadata = MetaData()
    scratch = create_engine("sqlite://")
    with scratch.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE shelf (id INTEGER, items INTEGER, name VARCHAR(20))")
        metadata.reflect(connection)
    scratch.dispose()
    return Migrations(folder, metadata)


@pytest.mark.parametrize("may_upgrade", [True, False])
def test_an_unknown_revision_is_refused_with_a_remedy(url: str, engine: Engine, may_upgrade: bool) -> None:
    database = database_of("reporting")
    database.connect(Flask("reporting"), url)
    database.close()
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'reporting_9999'"))
    with pytest.raises(SchemaRefused, match=r"reporting_9999, which this version .* does not know: start the version"):
        database.connect(Flask("reporting"), url, may_upgrade=may_upgrade)


def test_another_services_database_is_refused(url: str) -> None:
    database_of("auth").connect(Flask("auth"), url)
    database_of("auth").close()
    with pytest.raises(SchemaRefused, match="auth_0"):
        database_of("account").connect(Flask("account"), url, may_upgrade=True)


def at_first_revision(shop: Migrations, engine: Engine) -> None:
    later = (shop.folder / "shop_0002.py").rename(shop.folder / "later")
    Migrations(shop.folder, shop.metadata).apply(engine, may_upgrade=False)
    later.rename(shop.folder / "shop_0002.py")
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO shelf VALUES (1, 5)"))
        connection.execute(text("INSERT INTO label VALUES (3, 1)"))


@pytest.fixture
def older(shop: Migrations, url: str) -> Iterator[Engine]:
    """A database with the first of the two revisions."""
    engine = sqlite_writer(url) if url.startswith("sqlite") else create_engine(url)
    at_first_revision(shop, engine)
    yield engine
    engine.dispose()


def test_a_changed_table_keeps_the_rows_that_refer_to_it(shop: Migrations, older: Engine) -> None:
    shop.apply(older, may_upgrade=True)
    with older.connect() as connection:
        assert rows(connection) == {
            "alembic_version": [{"version_num": "shop_0002"}],
            "shelf": [{"id": 1, "items": 5, "name": "none"}],
            "label": [{"id": 3, "shelf_id": 1}],
        }


def test_an_upgrade_that_fails_changes_nothing(shop: Migrations, older: Engine) -> None:
    (shop.folder / "shop_0003.py").write_text(BROKEN)
    with older.connect() as connection:
        before = rows(connection)
    with pytest.raises(SchemaRefused, match=r"to revision shop_0003, nothing in it was changed: .*(?i:unique)"):
        shop.apply(older, may_upgrade=True)
    with older.connect() as connection:
        assert rows(connection) == before


def test_an_upgrade_on_a_full_disk_says_to_free_space(shop: Migrations, tmp_path: Path) -> None:
    engine = sqlite_writer(f"sqlite:///{tmp_path / 'shop.db'}")
    at_first_revision(shop, engine)
    (shop.folder / "shop_0003.py").write_text(LARGE)
    with engine.connect() as connection:  # the engine has one connection, so this limits the upgrade's
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 5}")
    with pytest.raises(SchemaRefused, match=r"nothing in it was changed: database or disk is full; free space"):
        shop.apply(engine, may_upgrade=True)
    engine.dispose()


def test_an_older_database_is_refused_without_may_upgrade(shop: Migrations, older: Engine) -> None:
    with pytest.raises(SchemaRefused, match=r"of revision shop_0001, and shop_0002 is needed: .* run `make migrate`$"):
        shop.apply(older, may_upgrade=False)


def test_a_sqlite_file_is_copied_before_its_upgrade(shop: Migrations, tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    engine = sqlite_writer(f"sqlite:///{file}")
    at_first_revision(shop, engine)
    assert not list(tmp_path.glob("*.before-*"))
    shop.apply(engine, may_upgrade=True)
    copy = create_engine(f"sqlite:///{file}.before-shop_0002", module=sqlite3)
    with copy.connect() as connection:
        assert rows(connection)["alembic_version"] == [{"version_num": "shop_0001"}]
        assert rows(connection)["shelf"] == [{"id": 1, "items": 5}]
    copy.dispose()
    engine.dispose()


def test_a_failed_copy_prevents_the_upgrade(shop: Migrations, tmp_path: Path) -> None:
    file = tmp_path / "shop.db"
    engine = sqlite_writer(f"sqlite:///{file}")
    at_first_revision(shop, engine)
    Path(f"{file}.before-shop_0002.partial").mkdir()
    with pytest.raises(SchemaRefused, match="could not be copied"):
        shop.apply(engine, may_upgrade=True)
    with engine.connect() as connection:
        assert rows(connection)["alembic_version"] == [{"version_num": "shop_0001"}]
    engine.dispose()


def test_references_are_enforced_after_an_upgrade(shop: Migrations, tmp_path: Path) -> None:
    engine = sqlite_writer(f"sqlite:///{tmp_path / 'shop.db'}")
    shop.apply(engine, may_upgrade=True)
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    engine.dispose()


def test_concurrent_starts_on_an_empty_postgresql_create_the_tables_once() -> None:
    program = (
        "import sys; from flask import Flask; from transaction_service.transaction_models import db\n"
        "sys.stdin.read(1); db.connect(Flask('transaction'), sys.argv[1]); db.close()"
    )
    with postgres.database() as url:
        command = [sys.executable, "-c", program, url]
        started = [
            subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        for process in started:
            assert process.stdin
            process.stdin.write("\n")
            process.stdin.flush()
        assert [(process.communicate(timeout=60)[1], process.returncode) for process in started] == [("", 0)] * 4


def test_an_unavailable_database_is_named(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://bank:secret@/bank?host={tmp_path}"
    with pytest.raises(
        DatabaseUnusable, match=r"can't be opened \(.*\): see that the server runs, and that the variable"
    ) as refused:
        database_of("auth").connect(Flask("auth"), url)
    assert str(tmp_path) in str(refused.value)
    assert "secret" not in str(refused.value)


def test_migrations_do_not_change_the_logging(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = logging.root.level, list(logging.root.handlers), logging.getLogger("access").disabled
    database_of("reporting").connect(Flask("reporting"), f"sqlite:///{tmp_path / 'reporting.db'}")
    database_of("reporting").close()
    assert (logging.root.level, logging.root.handlers, logging.getLogger("access").disabled) == before
    assert capfd.readouterr() == ("", "")


def test_a_new_revision_contains_the_differences_to_the_models(shop: Migrations, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'scratch.db'}", module=sqlite3)
    shop.apply(engine, may_upgrade=True)
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE label"))
        file = Migrations(shop.folder, metadata).write_revision(connection, "Label shelves")
    engine.dispose()
    assert file.name == "shop_0003_label_shelves.py"
    assert 'revision = "shop_0003"' in file.read_text().replace("'", '"')
    assert "create_table(" in file.read_text()
