"""Queue entries of the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "transaction_0005"
down_revision = "transaction_0004"


def upgrade() -> None:
    """Make the table of entries that are to be delivered to the auth service."""
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sqlite_autoincrement=True,
    )
