"""Let the owner of a frozen account see the reason. Earlier reasons were written for staff and stay with them."""

import sqlalchemy as sa
from alembic import op

revision = "account_0008"
down_revision = "account_0007"


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "account_status_change",
        sa.Column("reason_is_shown", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
