"""Create the table of the bank's currency. Its row is written at the next start."""

import sqlalchemy as sa
from alembic import op

revision = "transaction_0002"
down_revision = "transaction_0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "currency",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=3), nullable=False),
        sa.Column("decimals", sa.SmallInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name="only_one_currency"),
        sa.PrimaryKeyConstraint("id"),
    )
