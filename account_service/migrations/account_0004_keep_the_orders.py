"""Store with each decision its order, and number decisions by a sequence, in which they can be read.

Of what was decided before, the entries tell the sides, and the order within a batch, which has one instant. The
transaction service hands the rest over when it starts.
"""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "account_0004"
down_revision = "account_0003"

_REVERSED = sa.text("reverses_id IS NOT NULL AND outcome = 'posted'")
_COPY = """
    INSERT INTO {new} (
        transaction_id, outcome, reason, decided_at, fingerprint, transaction_type, user_id, amount_minor,
        from_account_id, to_account_id, from_balance_after_minor, to_balance_after_minor, reverses_id
    )
    SELECT posting.transaction_id, posting.outcome, posting.reason, posting.decided_at, '',
        CASE
            WHEN paid.account_id IS NULL THEN ''
            WHEN posting.reverses_id IS NOT NULL THEN 'reversal'
            WHEN source.id IS NULL THEN 'deposit'
            WHEN target.id IS NULL THEN 'withdrawal'
            ELSE 'transfer'
        END,
        coalesce(source.user_id, target.user_id), coalesce(paid.amount_minor, 0),
        nullif(drawn.account_id, '00000000000000000000000000000000'),
        nullif(paid.account_id, '00000000000000000000000000000000'),
        drawn.balance_after_minor, paid.balance_after_minor, posting.reverses_id
    FROM {old} AS posting
    LEFT JOIN ledger_entry AS drawn ON drawn.transaction_id = posting.transaction_id AND drawn.amount_minor < 0
    LEFT JOIN ledger_entry AS paid ON paid.transaction_id = posting.transaction_id AND paid.amount_minor > 0
    LEFT JOIN account AS source ON source.id = drawn.account_id
    LEFT JOIN account AS target ON target.id = paid.account_id
    ORDER BY posting.decided_at, coalesce(drawn.sequence, paid.sequence), posting.transaction_id
"""


def upgrade() -> None:
    """Make the table of decisions anew."""
    if op.get_bind().dialect.name == "sqlite":
        _make("posting_new")
        op.execute(_COPY.format(new="posting_new", old="posting"))
        op.drop_table("posting")
        op.rename_table("posting_new", "posting")
    else:
        op.drop_constraint("ledger_entry_transaction_id_fkey", "ledger_entry")
        op.execute("ALTER INDEX posting_pkey RENAME TO posting_old_pkey")
        op.rename_table("posting", "posting_old")
        op.execute("DROP INDEX posting_reversal")
        _make("posting")
        op.execute(_COPY.format(new="posting", old="posting_old"))
        op.drop_table("posting_old")
        op.create_foreign_key(None, "ledger_entry", "posting", ["transaction_id"], ["transaction_id"])
    op.create_index(
        "posting_reversal", "posting", ["reverses_id"], unique=True, sqlite_where=_REVERSED, postgresql_where=_REVERSED
    )


def _make(name: str) -> None:
    op.create_table(
        name,
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("transaction_type", sa.String(length=12), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("from_account_id", sa.Uuid(), nullable=True),
        sa.Column("to_account_id", sa.Uuid(), nullable=True),
        sa.Column("to_account_number", sa.String(length=20), nullable=True),
        sa.Column("from_balance_after_minor", sa.BigInteger(), nullable=True),
        sa.Column("to_balance_after_minor", sa.BigInteger(), nullable=True),
        sa.Column("reverses_id", sa.Uuid(), nullable=True),
        sa.Column("description", sa.String(length=200), nullable=True),
        sa.Column("idempotency_key", sa.String(length=255), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.Column("requested_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("outcome IN ('posted', 'rejected', 'void')", name="known_outcome"),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("transaction_id"),
        sa.UniqueConstraint("user_id", "idempotency_key", name="one_posting_per_key"),
    )
