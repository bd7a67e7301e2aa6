"""Keep new legs apart on SQLite until they are indexed in bulk, and read all legs from a view."""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import HexId, UtcDateTime

revision = "transaction_0009"
down_revision = "transaction_0008"

_COLUMNS = "transaction_id, direction, user_id, account_id, transaction_type, amount_minor, status, internal, timestamp"


def upgrade() -> None:
    """Make the table and the view. On SQLite pending legs are always among the new ones."""
    op.create_table(
        "new_leg",
        sa.Column("transaction_id", HexId(), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("user_id", HexId(), nullable=False),
        sa.Column("account_id", HexId(), nullable=False),
        sa.Column("transaction_type", sa.String(length=12), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("internal", sa.Boolean(), nullable=False),
        sa.Column("timestamp", UtcDateTime(), nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out')", name="known_direction"),
        sa.ForeignKeyConstraint(["transaction_id"], ["transaction.id"]),
        sa.PrimaryKeyConstraint("transaction_id", "direction"),
        sqlite_with_rowid=False,
    )
    op.execute(
        f"CREATE VIEW leg AS SELECT {_COLUMNS} FROM transaction_leg "  # noqa: S608 - built from constants only
        f"UNION ALL SELECT {_COLUMNS} FROM new_leg"
    )
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"INSERT INTO new_leg ({_COLUMNS}) "  # noqa: S608 - as above
            f"SELECT {_COLUMNS} FROM transaction_leg WHERE status = 'pending'"
        )
        op.execute("DELETE FROM transaction_leg WHERE status = 'pending'")
