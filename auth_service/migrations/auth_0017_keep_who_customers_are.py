"""Keep whether staff have verified who a customer is, and each of their decisions."""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "auth_0017"
down_revision = "auth_0016"


def upgrade() -> None:
    """Add the state to users, and the table of decisions."""
    op.add_column("user", sa.Column("identity", sa.String(length=10), server_default="none", nullable=False))
    op.create_table(
        "identity_check",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("document_kind", sa.String(length=20), nullable=True),
        sa.Column("document_number", sa.String(length=255), nullable=True),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("state IN ('none', 'pending', 'verified', 'rejected')", name="known_state"),
        sa.ForeignKeyConstraint(["decided_by"], ["user.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index("identity_check_by_user", "identity_check", ["user_id", "sequence"])
