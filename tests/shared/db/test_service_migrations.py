"""The revisions of the services upgrade databases of any age without losing rows."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from auth_service.second_factor.removal_models import FactorRemoval
from auth_service.second_factor.removal_schemas import RemovalOut
from shared.core.time_zones import FIRST_INSTANT
from shared.db.approvals import ApprovalTable
from shared.db.migrations import Migrations, SchemaRefused
from tests.shared.db.old_databases import OLD, database_of, rows, run
from transaction_service.reversals.approval_models import Approval

pytestmark = pytest.mark.filterwarnings("ignore:Skipped unsupported reflection:sqlalchemy.exc.SAWarning")


SERVICES = ("auth", "account", "transaction", "reporting")


MOVED = {"account": {"status_reason"}, "posting": {"digest"}, "transaction": {"lease_until"}, "user": {"phone"}}
"""Columns whose values are kept elsewhere by now; a test for each says where."""


OF_THE_BANK = ""
"""The direction of the sums of the whole bank, which moved to another table."""
DROPPED = "ledger_entry"
"""A table whose rows are all sides of postings."""


def migrations_of(service: str) -> Migrations:
    found = database_of(service).migrations
    assert found
    return found


def schema(connection: Connection) -> dict[str, Any]:
    """All that there is to say of the tables, in no order where order has no meaning.

    Triggers and views are left out, since models have none: tests of their own show what they do.
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
        query = "SELECT name, type, sql FROM sqlite_master WHERE tbl_name != 'alembic_version'"
        query += " AND type NOT IN ('trigger', 'view')"
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
        for table, all_rows in before.items():
            kept = [row for row in all_rows if row.get("direction") != OF_THE_BANK]
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
            {"mia\nmia@example.com"},
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


def test_old_postings_of_one_instant_keep_the_order_of_their_entries(url: str, engine: Engine) -> None:
    run(engine, OLD / f"account_{engine.dialect.name}.sql")
    run(engine, OLD / "account_rows.sql")
    instant = "2026-11-04 10:00:00.000000"
    with engine.begin() as connection:
        for number, (posting_id, balance) in enumerate({"f" * 32: 530, "7" * 32: 630}.items()):
            sides = (("0" * 32, -100, None), ("4" * 32, 100, balance))
            connection.execute(
                text("INSERT INTO posting VALUES (:id, 'posted', NULL, 'digest', NULL, :at)"),
                {"id": posting_id, "at": instant},
            )
            for side, (account_id, amount, after) in enumerate(sides):
                connection.execute(
                    text("INSERT INTO ledger_entry VALUES (:sequence, :id, :account, :amount, :after, :at)"),
                    {
                        "sequence": 3 + 2 * number + side,
                        "id": posting_id,
                        "account": account_id,
                        "amount": amount,
                        "after": after,
                        "at": instant,
                    },
                )
    database_of("account").connect(Flask("account"), url, may_upgrade=True)
    database_of("account").close()
    with engine.connect() as connection:
        balances = [row["to_balance_after_minor"] for row in rows(connection)["posting"] if row["outcome"] == "posted"]
    assert balances == [430, 530, 630]


def test_the_sums_of_the_bank_are_kept_by_quarter_of_an_hour(url: str, engine: Engine) -> None:
    run(engine, OLD / f"transaction_{engine.dialect.name}.sql")
    run(engine, OLD / "transaction_rows.sql")
    with engine.begin() as connection:
        connection.execute(text("UPDATE \"transaction\" SET timestamp = '1969-12-31 23:59:59.999999'"))
    database_of("transaction").connect(Flask("transaction"), url, may_upgrade=True)
    database_of("transaction").close()
    with engine.connect() as connection:
        (sums,) = rows(connection)["bank_volume"]
        assert all(row["direction"] for row in rows(connection)["daily_volume"])
    before_1970 = datetime(1969, 12, 31, 23, 45, tzinfo=UTC) - FIRST_INSTANT
    quarter = before_1970 // timedelta(minutes=15)
    assert (sums["quarter"], sums["transaction_type"], sums["part"]) == (quarter, "deposit", 0)
    assert (sums["count"], sums["total_minor"], sums["largest_minor"]) == (1, 430, 430)


def test_a_database_without_sums_gets_them(url: str, engine: Engine) -> None:
    run(engine, OLD / f"transaction_{engine.dialect.name}.sql")
    run(engine, OLD / "transaction_rows.sql")
    with engine.begin() as connection:
        sums = [row for row in rows(connection)["daily_volume"] if row["direction"] != OF_THE_BANK]
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


def test_requests_about_payments_stay_and_are_about_their_transactions(
    url: str, engine: Engine, tmp_path: Path
) -> None:
    migrations, older = migrations_of("transaction"), tmp_path / "older"
    files = sorted(migrations.folder.glob("*.py"))
    older.mkdir()
    for file in files[:10]:
        (older / file.name).symlink_to(file)
    Migrations(older, migrations.metadata).apply(engine, may_upgrade=False)
    states = ("pending", "approved", "rejected", "expired")
    person, transaction = "a" * 32, "b" * 31
    with engine.begin() as connection:
        for number, status in enumerate(states):
            connection.execute(
                text(
                    "INSERT INTO approval (id, action, transaction_id, body, status, asked_by, asked_by_name, asked_at)"
                    f" VALUES ('{'c' * 31}{number}', 'pay_out', '{transaction}{number}', '{{}}', '{status}',"
                    f" '{person}', 'grace', '2026-11-0{number + 1} 08:00:00')"
                )
            )
    database = database_of("transaction")
    app = Flask("transaction")
    database.connect(app, url, may_upgrade=True)
    with app.app_context():
        table = ApprovalTable(database, Approval)
        found = [table.find(UUID(f"{'c' * 31}{number}")) for number in range(4)]
        assert [(row.status, row.subject_id.hex, row.asked_by_name) for row in found] == [
            (status, f"{transaction}{number}", "grace") for number, status in enumerate(states)
        ]
        assert table.find_pending(UUID(f"{transaction}0")) is found[0]
        values = {"asked_by": UUID(person), "asked_by_name": "grace", "asked_at": datetime.now(UTC), "body": "{}"}
        twice = database.transaction()
        with pytest.raises(IntegrityError), twice:
            table.add(action="reverse", subject_id=UUID(f"{transaction}0"), **values)
    database.close()


def test_requests_to_remove_a_second_factor_stay_open(url: str, engine: Engine, tmp_path: Path) -> None:
    migrations, older = migrations_of("auth"), tmp_path / "older"
    older.mkdir()
    for file in sorted(migrations.folder.glob("*.py"))[:18]:
        (older / file.name).symlink_to(file)
    Migrations(older, migrations.metadata).apply(engine, may_upgrade=False)
    customer, clerk = "a" * 32, "b" * 32
    with engine.begin() as connection:
        for user_id, name in ((customer, "ada"), (clerk, "grace")):
            connection.execute(
                text(
                    'INSERT INTO "user" (id, username, email, password_hash, role, status, created_at)'
                    f" VALUES ('{user_id}', '{name}', '{name}@x.yz', '', 'customer', 'active', '2026-11-01 08:00:00')"
                )
            )
        connection.execute(
            text(
                "INSERT INTO factor_removal (user_id, asked_by, reason, asked_at)"
                f" VALUES ('{customer}', '{clerk}', 'Lost \"the\" phone', '2026-11-02 08:00:00')"
            )
        )
    database = database_of("auth")
    app = Flask("auth")
    database.connect(app, url, may_upgrade=True)
    with app.app_context():
        table = ApprovalTable(database, FactorRemoval)
        found = table.find_pending(UUID(customer))
        assert RemovalOut.of(found) == RemovalOut(
            asked_by=UUID(clerk),
            asked_by_name="grace",
            reason='Lost "the" phone',
            asked_at=datetime(2026, 11, 2, 8, tzinfo=UTC),
            expires_at=datetime(2026, 11, 5, 8, tzinfo=UTC),
        )
        assert not found.is_open
    database.close()
