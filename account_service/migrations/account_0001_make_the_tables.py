"""Create the tables of accounts and the ledger.

Each is created only if it is missing, so a database that is older than the revisions is taken over unchanged.
"""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "account_0001"
down_revision = None

_REVERSES = sa.text("reverses_id IS NOT NULL")


def upgrade() -> None:
    """Make the tables."""
    _account()
    _posting()
    _ledger_entry()


def _account() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_number", sa.String(length=10), nullable=False),
        sa.Column("account_type", sa.String(length=20), nullable=False),
        sa.Column("nickname", sa.String(length=50), nullable=True),
        sa.Column("balance_minor", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("status_reason", sa.String(length=200), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'frozen', 'closed')", name="known_status"),
        sa.CheckConstraint("balance_minor >= 0", name="balance_is_never_negative"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_number"),
        if_not_exists=True,
    )
    op.create_index("account_by_age", "account", ["created_at", "id"], if_not_exists=True)
    op.create_index("account_by_user", "account", ["user_id", "created_at"], if_not_exists=True)


def _posting() -> None:
    op.create_table(
        "posting",
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("outcome IN ('posted', 'rejected', 'void')", name="known_outcome"),
        sa.PrimaryKeyConstraint("transaction_id"),
        if_not_exists=True,
    )
    _index_few("posting_reversal", "posting", ["reverses_id"], _REVERSES, unique=True)


def _ledger_entry() -> None:
    op.create_table(
        "ledger_entry",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("balance_after_minor", sa.BigInteger(), nullable=True),
        sa.Column("booked_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["posting.transaction_id"],
        ),
        sa.PrimaryKeyConstraint("sequence"),
        if_not_exists=True,
    )
    op.create_index("ix_ledger_entry_transaction_id", "ledger_entry", ["transaction_id"], if_not_exists=True)
    op.create_index(
        "ledger_entry_by_account", "ledger_entry", ["account_id", "booked_at", "sequence"], if_not_exists=True
    )


def _index_few(name: str, table: str, columns: list[str], where: sa.TextClause, *, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where, if_not_exists=True)
