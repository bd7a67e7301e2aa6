"""Create the tables of transactions, their legs and their sums by day.

Each is created only if it is missing, so a database that is older than the revisions is taken over unchanged.
"""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "transaction_0001"
down_revision = None

_NOT_COMPLETED = sa.text("(status = 'pending' OR status = 'failed')")
_REVERSAL = sa.text("transaction_type = 'reversal'")
_REVERSES = sa.text("reverses_id IS NOT NULL")
_SUMS = """
    INSERT INTO daily_volume (
        user_id, account_id, day, transaction_type, direction, internal, count, total_minor, largest_minor
    )
    SELECT user_id, account_id, date(timestamp), transaction_type, direction, internal,
        count(*), sum(amount_minor), max(amount_minor)
    FROM transaction_leg WHERE status = 'completed'
    GROUP BY user_id, account_id, date(timestamp), transaction_type, direction, internal
    UNION ALL
    SELECT '00000000000000000000000000000000', '00000000000000000000000000000000', date(timestamp), transaction_type,
        '', false, count(*), sum(amount_minor), max(amount_minor)
    FROM "transaction" WHERE status = 'completed'
    GROUP BY date(timestamp), transaction_type
"""


def upgrade() -> None:
    """Make the tables."""
    _transaction()
    _transaction_leg()
    _daily_volume()


def _transaction() -> None:
    op.create_table(
        "transaction",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("transaction_type", sa.String(length=12), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("timestamp", UtcDateTime(), nullable=False),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("description", sa.String(length=200), nullable=True),
        sa.Column("from_account_id", sa.Uuid(), nullable=True),
        sa.Column("to_account_id", sa.Uuid(), nullable=True),
        sa.Column("to_account_number", sa.String(length=10), nullable=True),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.Column("from_user_id", sa.Uuid(), nullable=True),
        sa.Column("to_user_id", sa.Uuid(), nullable=True),
        sa.Column("from_masked_number", sa.String(length=10), nullable=True),
        sa.Column("to_masked_number", sa.String(length=10), nullable=True),
        sa.Column("from_balance_after_minor", sa.BigInteger(), nullable=True),
        sa.Column("to_balance_after_minor", sa.BigInteger(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.CheckConstraint("status IN ('pending', 'completed', 'failed')", name="known_status"),
        sa.CheckConstraint("amount_minor > 0", name="amount_is_positive"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("user_id", "idempotency_key", name="one_transaction_per_key"),
        if_not_exists=True,
    )
    _index_few("reversal_by_age", "transaction", ["transaction_type", "timestamp", "id"], _REVERSAL)
    op.create_index("transaction_by_age", "transaction", ["timestamp", "id"], if_not_exists=True)
    _index_few("transaction_not_completed", "transaction", ["status", "timestamp", "id"], _NOT_COMPLETED)
    _index_few("transaction_reversal", "transaction", ["reverses_id"], _REVERSES)


def _transaction_leg() -> None:
    op.create_table(
        "transaction_leg",
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("transaction_type", sa.String(length=12), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("internal", sa.Boolean(), nullable=False),
        sa.Column("timestamp", UtcDateTime(), nullable=False),
        sa.CheckConstraint("direction IN ('in', 'out')", name="known_direction"),
        sa.ForeignKeyConstraint(
            ["transaction_id"],
            ["transaction.id"],
        ),
        sa.PrimaryKeyConstraint("transaction_id", "direction"),
        if_not_exists=True,
    )
    op.create_index("leg_by_account", "transaction_leg", ["account_id", "timestamp"], if_not_exists=True)
    op.create_index("leg_by_user", "transaction_leg", ["user_id", "timestamp"], if_not_exists=True)
    _index_few(
        "leg_not_completed", "transaction_leg", ["user_id", "status", "timestamp", "transaction_id"], _NOT_COMPLETED
    )
    _index_few(
        "leg_of_reversal", "transaction_leg", ["user_id", "transaction_type", "timestamp", "transaction_id"], _REVERSAL
    )


def _daily_volume() -> None:
    """Fill the sums of a database that is older than they are: about ten seconds for a million transactions."""
    is_older = not sa.inspect(op.get_bind()).has_table("daily_volume")
    op.create_table(
        "daily_volume",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("transaction_type", sa.String(length=12), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("internal", sa.Boolean(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("largest_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "day", "transaction_type", "direction", "internal", "account_id"),
        sqlite_with_rowid=False,
        if_not_exists=True,
    )
    if is_older:
        op.execute(_SUMS)


def _index_few(name: str, table: str, columns: list[str], where: sa.TextClause, *, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where, if_not_exists=True)
