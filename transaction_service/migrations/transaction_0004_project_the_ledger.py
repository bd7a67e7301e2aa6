"""Make transactions a projection of the ledger: record its progress, and keep only pending ones unique by key.

Who has a key is for the ledger to know, and there are no leases any more. The transactions that are here are handed
over to the ledger when the service starts.
"""

import sqlalchemy as sa
from alembic import op

revision = "transaction_0004"
down_revision = "transaction_0003"

_PENDING = sa.text("status = 'pending'")


def upgrade() -> None:
    """Change the table of transactions, and add those of the projection."""
    with op.batch_alter_table("transaction") as table:
        table.drop_constraint("one_transaction_per_key", type_="unique")
        table.drop_column("lease_until")
    op.create_index(
        "one_pending_per_key",
        "transaction",
        ["user_id", "idempotency_key"],
        unique=True,
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )
    op.create_table(
        "told_id",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["transaction_id"], ["transaction.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "progress",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=True),
        sa.Column("hands_over", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute('INSERT INTO progress (id, sequence, hands_over) SELECT 1, 0, EXISTS (SELECT * FROM "transaction")')
