"""Keep custom reports."""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "reporting_0004"
down_revision = "reporting_0003"


def upgrade() -> None:
    """Keep custom reports."""
    op.create_table(
        "custom_report",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("choice", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("user_id", "name", name="one_custom_report_per_name"),
    )
    op.create_index("custom_report_by_user", "custom_report", ["user_id", "created_at", "id"])
