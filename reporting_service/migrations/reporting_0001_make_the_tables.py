"""Create the table of reports.

It is created only if it is missing, so a database that is older than the revisions is taken over unchanged.
"""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "reporting_0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    _report()


def _report() -> None:
    op.create_table(
        "report",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("report_type", sa.String(length=11), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("report_data", sa.JSON(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("report_type IN ('account', 'transaction', 'system')", name="known_type"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest", "edition", name="one_report_per_edition"),
        if_not_exists=True,
    )
    op.create_index("report_by_age", "report", ["created_at", "id"], if_not_exists=True)
    op.create_index("report_by_user", "report", ["user_id", "created_at", "id"], if_not_exists=True)
