"""Keep requests about accounts that wait for a second person, and the roles of those who change a status."""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "account_0010"
down_revision = "account_0009"


def upgrade() -> None:
    """Make the table of requests and the column of the role."""
    op.create_table(
        "approval",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        sa.Column("asked_by_name", sa.String(length=50), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_by_name", sa.String(length=50), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.CheckConstraint("status IN ('pending', 'approved', 'rejected', 'expired')", name="known_approval_status"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("approval_by_age", "approval", ["asked_at", "id"])
    op.create_index(
        "one_pending_approval",
        "approval",
        ["subject_id"],
        unique=True,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.add_column("account_status_change", sa.Column("changed_by_role", sa.String(length=10), nullable=True))
