"""Find the postings of an account by entry keys, which SQLite adds in bulk, instead of by two indexes."""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import HexId, UtcDateTime

revision = "account_0009"
down_revision = "account_0008"

_KEYS_OF_ALL = """
INSERT INTO entry_key (account_id, decided_at, sequence)
SELECT from_account_id, decided_at, sequence FROM posting WHERE outcome = 'posted' AND from_account_id IS NOT NULL
UNION ALL
SELECT to_account_id, decided_at, sequence FROM posting WHERE outcome = 'posted' AND to_account_id IS NOT NULL
ORDER BY 1, 2, 3
"""


def upgrade() -> None:
    """Make the tables and fill them, then drop the indexes."""
    op.create_table(
        "entry_key",
        sa.Column("account_id", HexId(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("account_id", "decided_at", "sequence"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "entry_progress",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(_KEYS_OF_ALL)
    op.execute("INSERT INTO entry_progress (id, sequence) SELECT 1, COALESCE(MAX(sequence), 0) FROM posting")
    op.drop_index("posting_by_source", "posting")
    op.drop_index("posting_by_target", "posting")
