"""Keep requests to remove a second factor like all others that wait for a second person."""

import json
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "auth_0019"
down_revision = "auth_0018"
_PENDING = sa.text("status = 'pending'")


def upgrade() -> None:
    """Make the table anew with the requests that it has."""
    open_ones = sa.text(
        "SELECT user_id, reason, asked_by, username, asked_at FROM factor_removal"
        ' JOIN "user" ON "user".id = factor_removal.asked_by'
    ).columns(user_id=sa.Uuid(), asked_by=sa.Uuid(), asked_at=UtcDateTime())
    rows = op.get_bind().execute(open_ones).all()
    op.drop_table("factor_removal")
    table = _make_table()
    moved = [
        {
            "id": uuid4(),
            "action": "remove_factor",
            "subject_id": row.user_id,
            "body": json.dumps({"reason": row.reason}),
            "status": "pending",
            "asked_by": row.asked_by,
            "asked_by_name": row.username,
            "asked_at": row.asked_at,
        }
        for row in rows
    ]
    op.bulk_insert(table, moved)


def _make_table() -> sa.Table:
    table = op.create_table(
        "factor_removal",
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
        sa.CheckConstraint(
            "status IN ('pending', 'approved', 'rejected', 'expired')", name="known_factor_removal_status"
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("factor_removal_by_age", "factor_removal", ["asked_at", "id"])
    op.create_index(
        "one_pending_factor_removal",
        "factor_removal",
        ["subject_id"],
        unique=True,
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )
    return table
