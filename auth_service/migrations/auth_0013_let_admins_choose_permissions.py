"""Let admins choose what an employee may do. Every employee keeps all permissions until then."""

import sqlalchemy as sa
from alembic import op

revision = "auth_0013"
down_revision = "auth_0012"


def upgrade() -> None:
    """Add the column; NULL means all permissions of the role."""
    op.add_column("user", sa.Column("permissions", sa.String(length=200), nullable=True))
