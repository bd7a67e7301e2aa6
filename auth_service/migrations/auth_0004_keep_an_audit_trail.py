"""Keep an audit trail: entries and the hash chain over them, which nothing changes or deletes any more.

The triggers guard against mistakes and against whoever has no more than the service's own access; the hash chain shows
what somebody with more has changed.
"""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "auth_0004"
down_revision = "auth_0003"

_APPEND_ONLY = ("audit_entry", "audit_link")
_REFUSED = "the audit trail is append-only"


def upgrade() -> None:
    """Make the tables, and refuse every change of their rows."""
    _entries()
    _chain()
    for table in _APPEND_ONLY:
        if op.get_bind().dialect.name == "sqlite":
            _guard_on_sqlite(table)
        else:
            _guard_on_postgresql(table)


def _entries() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("service", sa.String(length=50), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.String(length=100), nullable=True),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("subject", sa.String(length=100), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("user_agent", sa.String(length=200), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("timestamp", UtcDateTime(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.CheckConstraint("outcome IN ('success', 'failure', 'refused')", name="known_outcome"),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_entry_by_age", "audit_entry", ["timestamp", "sequence"])
    for name in ("actor_id", "subject_id", "action"):
        op.create_index(f"audit_entry_by_{name.removesuffix('_id')}", "audit_entry", [name, "timestamp"])


def _chain() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "audit_link",
        sa.Column("position", number, autoincrement=False, nullable=False),
        sa.Column("entry_sequence", number, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["entry_sequence"], ["audit_entry.sequence"]),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("entry_sequence"),
    )
    op.create_table(
        "audit_unchained",
        sa.Column("entry_sequence", number, autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["entry_sequence"], ["audit_entry.sequence"]),
        sa.PrimaryKeyConstraint("entry_sequence"),
    )


def _guard_on_sqlite(table: str) -> None:
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        )
    # INSERT OR REPLACE deletes the old row without calling its trigger.
    keys = ("sequence", "id") if table == "audit_entry" else ("position", "entry_sequence")
    same = " OR ".join(f"{key} = NEW.{key}" for key in keys)
    op.execute(
        f"CREATE TRIGGER {table}_refuses_replace BEFORE INSERT ON {table}"  # noqa: S608 - fixed names
        f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
    )


def _guard_on_postgresql(table: str) -> None:
    op.execute(
        "CREATE OR REPLACE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
    )
