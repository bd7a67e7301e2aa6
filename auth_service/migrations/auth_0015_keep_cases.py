"""Keep the cases of customers: disputes of payments and questions, with their messages."""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "auth_0015"
down_revision = "auth_0014"


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "customer_case",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("kind IN ('dispute', 'question')", name="known_kind"),
        sa.CheckConstraint("state IN ('open', 'answered', 'closed')", name="known_state"),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("customer_case_by_age", "customer_case", ["changed_at", "id"])
    op.create_index("customer_case_by_state", "customer_case", ["state", "changed_at", "id"])
    op.create_index("customer_case_by_user", "customer_case", ["user_id", "changed_at", "id"])
    op.create_index("ix_customer_case_transaction_id", "customer_case", ["transaction_id"])
    op.create_table(
        "case_message",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("from_bank", sa.Boolean(), nullable=False),
        sa.Column("closes", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["user.id"]),
        sa.ForeignKeyConstraint(["case_id"], ["customer_case.id"]),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index("case_message_by_author", "case_message", ["author_id", "created_at"])
    op.create_index("case_message_by_case", "case_message", ["case_id", "sequence"])
