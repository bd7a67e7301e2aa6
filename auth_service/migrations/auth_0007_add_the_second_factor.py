"""Add the second factor."""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "auth_0007"
down_revision = "auth_0006"


def upgrade() -> None:
    """Add the tables, and say of each user that they have no second factor."""
    op.create_table(
        "authenticator",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("encrypted_secret", sa.Text(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("user_id", "digest"),
    )
    op.add_column("user", sa.Column("mfa_enabled", sa.Boolean(), server_default=sa.false(), nullable=False))
