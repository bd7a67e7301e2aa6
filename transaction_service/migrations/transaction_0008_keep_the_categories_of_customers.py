"""Keep the categories that customers choose for their transactions."""

import sqlalchemy as sa
from alembic import op

revision = "transaction_0008"
down_revision = "transaction_0007"


def upgrade() -> None:
    """Make the table of categories."""
    op.create_table(
        "transaction_category",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "transaction_id"),
        sqlite_with_rowid=False,
    )
