"""Keep with a statement export what another process needs to make it."""

import sqlalchemy as sa
from alembic import op

revision = "reporting_0006"
down_revision = "reporting_0005"


def upgrade() -> None:
    """Add the encrypted caller, the worker that makes the export, and how many have begun."""
    op.add_column("statement_export", sa.Column("caller", sa.Text(), nullable=True))
    op.add_column("statement_export", sa.Column("worker_id", sa.Uuid(), nullable=True))
    op.add_column("statement_export", sa.Column("attempts", sa.Integer(), server_default="0", nullable=False))
