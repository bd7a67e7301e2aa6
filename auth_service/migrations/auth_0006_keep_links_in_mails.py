"""Keep links in mails."""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "auth_0006"
down_revision = "auth_0005"


def upgrade() -> None:
    """Add the table of links that were sent by mail."""
    op.create_table(
        "mail_link",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=100), nullable=False),
        sa.Column("bound_to", sa.String(length=64), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_mail_link_expires_at", "mail_link", ["expires_at"])
    op.create_index("mail_link_by_user", "mail_link", ["user_id", "purpose"])
