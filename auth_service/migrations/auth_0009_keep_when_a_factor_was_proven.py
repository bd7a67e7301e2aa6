"""Keep when a session proved its second factor."""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "auth_0009"
down_revision = "auth_0008"


def upgrade() -> None:
    """Add the column; of earlier sessions it is not known."""
    op.add_column("login_session", sa.Column("second_factor_at", UtcDateTime(), nullable=True))
