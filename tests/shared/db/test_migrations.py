"""Migrations upgrade databases of any age without losing rows, or refuse them with a remedy."""

import importlib
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, MetaData, create_engine, inspect, text

from shared.db import engines
from shared.db.database import Database
from shared.db.migrations import DatabaseUnusable, Migrations, SchemaRefused
from shared.db.sqlite import sqlite3
from tests.support import postgres
from tests.support.house import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:Skipped unsupported reflection:sqlalchemy.exc.SAWarning")

SERVICES = ("auth", "account", "transaction", "reporting")
MOVED = {"account": {"status_reason"}, "posting": {"digest"}, "transaction": {"lease_until"}}
"""Columns whose values are kept elsewhere by now; a test for each says where."""
DROPPED = "ledger_entry"
"""A table whose rows are all sides of postings."""
OLD = Path(__file__).with_name("old_schema")
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


def database_of(service: str) -> Database:
    database: Database = importlib.import_module(f"{service}_service.{service}_service").db
    return database


def migrations_of(service: str) -> Migrations:
    found = database_of(service).migrations
    assert found
    return found


def sqlite_writer(url: str) -> Engine:
    engine = create_engine(url, **engines.sqlite_options(1))
    engines.set_up_sqlite_writer(engine)
    return engine


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    with ExitStack() as stack:
        is_sqlite = request.param == "sqlite"
        yield f"sqlite:///{tmp_path / 'old.db'}" if is_sqlite else stack.enter_context(postgres.database())


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    """An engine for that database."""
    engine = create_engine(url, **({"module": sqlite3} if url.startswith("sqlite") else {}))
    yield engine
    engine.dispose()


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


def run(engine: Engine, script: Path) -> None:
    with engine.begin() as connection:
        for command in script.read_text(encoding="utf-8").split(";\n"):
            if command.strip():
                connection.exec_driver_sql(command)


def rows(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of a database by table."""
    metadata = MetaData()
    metadata.reflect(connection)
    return {
        table.name: [dict(row) for row in connection.execute(text(f'SELECT * FROM "{table.name}"')).mappings()]
        for table in metadata.sorted_tables
    }


def schema(connection: Connection) -> dict[str, Any]:
    """All that there is to say of the tables, in no order where order has no meaning.

    Triggers are left out, since models have none: tests of their own show what they refuse.
    """
    inspector = inspect(connection)
    found: dict[str, Any] = {}
    for table in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
        columns = [{**column, "type": str(column["type"])} for column in inspector.get_columns(table)]
        checks = [check["sqltext"] for check in inspector.get_check_constraints(table)]
        found[table] = (
            sorted(columns, key=lambda column: str(column["name"])),
            inspector.get_pk_constraint(table)["constrained_columns"],
            sorted(str(key) for key in inspector.get_foreign_keys(table)),
            sorted(str(key) for key in inspector.get_unique_constraints(table)),
            sorted(checks),
        )
    if connection.dialect.name == "sqlite":
        query = "SELECT name, type, sql FROM sqlite_master WHERE tbl_name != 'alembic_version' AND type != 'trigger'"
        said = connection.execute(text(query))
        options = re.compile(r"WITHOUT ROWID|AUTOINCREMENT")
        found["more"] = sorted(
            (name, re.sub(r"\s+", " ", sql) if kind == "index" else options.findall(sql))
            for name, kind, sql in said
            if sql
        )
    else:
        said = connection.execute(text("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'"))
        found["more"] = sorted(sql for (sql,) in said if "alembic_version" not in sql)
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_the_revisions_lead_to_the_tables_of_the_models(service: str, engine: Engine) -> None:
    migrations = migrations_of(service)
    with engine.begin() as connection:
        migrations.metadata.create_all(connection)
        wanted = schema(connection)
        migrations.metadata.drop_all(connection)
    migrations.apply(engine, may_upgrade=False)
    with engine.connect() as connection:
        assert schema(connection) == wanted


@pytest.mark.parametrize("service", SERVICES)
def test_the_revisions_of_a_service_are_linear_and_carry_its_name(service: str) -> None:
    migrations = migrations_of(service)
    files = sorted(migrations.folder.glob("*.py"))
    for number, file in enumerate(files, 1):
        revision = f"{service}_{number:04d}"
        assert file.name.startswith(f"{revision}_")
        before = f'"{service}_{number - 1:04d}"' if number > 1 else "None"
        assert f'revision = "{revision}"\ndown_revision = {before}\n' in file.read_text(encoding="utf-8")
    assert migrations.head == f"{service}_{len(files):04d}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_database_from_before_the_revisions_is_upgraded_with_its_rows(service: str, url: str, engine: Engine) -> None:
    run(engine, OLD / f"{service}_{engine.dialect.name}.sql")
    run(engine, OLD / f"{service}_rows.sql")
    with engine.connect() as connection:
        before = rows(connection)
    assert all(before.values())
    database = database_of(service)
    database.connect(Flask(service), url, may_upgrade=True)
    database.close()
    with engine.connect() as connection:
        after = rows(connection)
        assert after.pop("alembic_version") == [{"version_num": migrations_of(service).head}]
        before.pop(DROPPED, None)
        for table, kept in before.items():
            moved = MOVED.get(table, set())
            wanted = [{name: value for name, value in row.items() if name not in moved} for row in kept]
            assert [{name: row[name] for name in old} for old, row in zip(wanted, after[table], strict=True)] == wanted


@pytest.mark.parametrize(
    ("service", "change", "folded"),
    [
        ("transaction", "UPDATE \"transaction\" SET description = 'ÉCOLE' WHERE reason IS NOT NULL", {"", "école"}),
        ("auth", "UPDATE \"user\" SET full_name = 'Straße', phone = NULL", {"mia\nmia@example.com\nstrasse"}),
        (
            "auth",
            "UPDATE \"user\" SET full_name = NULL, phone = '+44 (0)20 79'",
            {"mia\nmia@example.com\n+44 (0)20 79\n442079"},
        ),
    ],
)
def test_the_upgrade_folds_searched_text(url: str, engine: Engine, service: str, change: str, folded: set[str]) -> None:
    run(engine, OLD / f"{service}_{engine.dialect.name}.sql")
    run(engine, OLD / f"{service}_rows.sql")
    with engine.begin() as connection:
        connection.execute(text(change))
    database_of(service).connect(Flask(service), url, may_upgrade=True)
    database_of(service).close()
    with engine.connect() as connection:
        assert {row["search_text"] for row in rows(connection)[service if service != "auth" else "user"]} == folded


def test_the_reason_of_a_frozen_account_becomes_its_history(url: str, engine: Engine) -> None:
    run(engine, OLD / f"account_{engine.dialect.name}.sql")
    run(engine, OLD / "account_rows.sql")
    frozen, closed = uuid4(), uuid4()
    with engine.begin() as connection:
        for account_id, number, status in ((frozen, "2000000006", "frozen"), (closed, "3000000004", "closed")):
            connection.execute(
                text(
                    f"INSERT INTO account VALUES ('{account_id.hex}', '{uuid4().hex}', '{number}', 'checking', NULL, 0,"
                    f" '{status}', 'why it is {status}', '2026-11-0{number[0]} 08:00:00')"
                )
            )
    database_of("account").connect(Flask("account"), url, may_upgrade=True)
    database_of("account").close()
    with engine.connect() as connection:
        found = rows(connection)["account_status_change"]
    names = ("sequence", "from_status", "to_status", "reason", "changed_by", "changed_at")
    assert [tuple(row[name] for name in names) for row in found] == [
        (1, "active", "frozen", "why it is frozen", None, None),
        (2, "frozen", "active", "why it is closed", None, None),
    ]
    assert [UUID(str(row["account_id"])) for row in found] == [frozen, closed]


def test_sides_of_old_postings_are_taken_from_their_entries(url: str, engine: Engine) -> None:
    run(engine, OLD / f"account_{engine.dialect.name}.sql")
    run(engine, OLD / "account_rows.sql")
    database_of("account").connect(Flask("account"), url, may_upgrade=True)
    database_of("account").close()
    with engine.connect() as connection:
        posted, rejected = rows(connection)["posting"]
    assert (posted["sequence"], rejected["sequence"]) == (1, 2)
    assert (posted["transaction_type"], posted["amount_minor"], posted["to_balance_after_minor"]) == (
        "deposit",
        430,
        430,
    )
    assert (posted["from_account_id"], str(posted["to_account_id"]).replace("-", "")) == (None, "4" * 32)
    assert str(posted["user_id"]).replace("-", "") == "1" * 32
    assert (rejected["user_id"], rejected["transaction_type"], rejected["fingerprint"]) == (None, "", "")


def test_a_database_without_sums_gets_them(url: str, engine: Engine) -> None:
    run(engine, OLD / f"transaction_{engine.dialect.name}.sql")
    run(engine, OLD / "transaction_rows.sql")
    with engine.begin() as connection:
        sums = rows(connection)["daily_volume"]
        connection.execute(text("DROP TABLE daily_volume"))
    database = database_of("transaction")
    for _ in range(2):
        database.connect(Flask("transaction"), url, may_upgrade=True)
        database.close()
        with engine.connect() as connection:
            assert sorted(rows(connection)["daily_volume"], key=str) == sorted(sums, key=str)


def test_a_database_too_old_for_the_first_revision_is_refused_unchanged(url: str, engine: Engine) -> None:
    run(engine, OLD / f"reporting_{engine.dialect.name}.sql")
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE report DROP COLUMN title"))
        before = schema(connection)
    with pytest.raises(SchemaRefused, match="too old to be upgraded: table report lacks title"):
        database_of("reporting").connect(Flask("reporting"), url, may_upgrade=True)
    with engine.connect() as connection:
        assert schema(connection) == before
        assert "alembic_version" not in inspect(connection).get_table_names()


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


def migrate(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "migrate.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_command_upgrades_all_existing_databases(tmp_path: Path) -> None:
    with postgres.database() as url:
        engine = create_engine(url)
        run(engine, OLD / "account_postgresql.sql")
        with pytest.raises(SchemaRefused, match="revision none, and account_0"):
            database_of("account").connect(Flask("account"), url)
        for _ in range(2):
            done = migrate(BANK_DATA_DIR=str(tmp_path), ACCOUNT_DATABASE_URL=url)
            assert (done.returncode, done.stderr) == (0, "")
            assert "account-service: at revision account_0" in done.stdout
            assert "auth-service: no database yet" in done.stdout
        database_of("account").connect(Flask("account"), url)
        database_of("account").close()
        engine.dispose()
    assert not list(tmp_path.iterdir())


def test_the_command_names_a_database_in_use(tmp_path: Path) -> None:
    database_of("auth").connect(Flask("auth"), f"sqlite:///{tmp_path / 'auth.db'}")
    done = migrate(BANK_DATA_DIR=str(tmp_path))
    database_of("auth").close()
    assert done.returncode == 1
    assert "auth-service: " in done.stderr
    assert "in use by another process" in done.stderr


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
