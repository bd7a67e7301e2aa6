"""Keep statement exports."""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "reporting_0005"
down_revision = "reporting_0004"


def upgrade() -> None:
    """Keep statement exports."""
    op.create_table(
        "statement_export",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("active_user_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=7), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("formats", sa.JSON(), nullable=False),
        sa.Column("account_ids", sa.JSON(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("failure", sa.String(length=300), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("state IN ('queued', 'running', 'ready', 'failed')", name="known_state"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("active_user_id", name="one_active_export_per_user"),
    )
    op.create_index("statement_export_by_end", "statement_export", ["finished_at"])
    op.create_index("statement_export_by_user", "statement_export", ["user_id", "created_at", "id"])
    op.create_table(
        "statement_export_part",
        sa.Column("export_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["export_id"],
            ["statement_export.id"],
        ),
        sa.PrimaryKeyConstraint("export_id", "number"),
    )
