"""Keep the statements."""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "reporting_0002"
down_revision = "reporting_0001"


def upgrade() -> None:
    """Keep the statements."""

    op.create_table(
        "kept_statement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("format", sa.String(length=8), nullable=False),
        sa.Column("shows_number", sa.Boolean(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "account_id", "month", "time_zone", "format", "shows_number", name="one_statement_per_month"
        ),
    )
    op.create_table(
        "kept_part",
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["kept_statement.id"],
        ),
        sa.PrimaryKeyConstraint("statement_id", "number"),
    )
