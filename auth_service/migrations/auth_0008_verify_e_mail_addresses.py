"""Verify e-mail addresses, and know the devices of users."""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "auth_0008"
down_revision = "auth_0007"


def upgrade() -> None:
    """Add the time of the verification and the table of devices."""
    op.add_column("user", sa.Column("email_verified_at", UtcDateTime(), nullable=True))
    op.create_table(
        "known_device",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("user_id", "name"),
    )
    op.create_index("mail_link_by_email", "mail_link", [sa.text("lower(email)")])
