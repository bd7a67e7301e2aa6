"""Keep the tills of employees at the counter."""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "account_0007"
down_revision = "account_0006"

_OPEN = sa.text("status = 'open'")


def upgrade() -> None:
    """Make the table of tills."""
    op.create_table(
        "till",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("float_minor", sa.BigInteger(), nullable=False),
        sa.Column("cash_minor", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("counted_minor", sa.BigInteger(), nullable=True),
        sa.Column("difference_minor", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("cash_minor >= 0", name="cash_is_never_negative"),
        sa.CheckConstraint("status IN ('open', 'closed')", name="known_till_status"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("till_by_age", "till", ["opened_at", "id"])
    op.create_index("till_by_user", "till", ["user_id", "opened_at"])
    op.create_index("one_open_till", "till", ["user_id"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
