"""Keep the time zone of a user."""

import sqlalchemy as sa
from alembic import op

revision = "auth_0011"
down_revision = "auth_0010"


def upgrade() -> None:
    """Keep the time zone of a user."""
    op.add_column("user", sa.Column("time_zone", sa.String(length=64), nullable=True))
