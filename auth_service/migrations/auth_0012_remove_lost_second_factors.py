"""Let two employees remove a lost second factor."""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "auth_0012"
down_revision = "auth_0011"


def upgrade() -> None:
    """Add the table of open requests."""
    op.create_table(
        "factor_removal",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["asked_by"], ["user.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("user_id"),
    )
