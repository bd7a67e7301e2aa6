"""Keep requests about payments in the same table as the other services: its subject is the transaction."""

import sqlalchemy as sa
from alembic import op

revision = "transaction_0011"
down_revision = "transaction_0010"


def upgrade() -> None:
    """Rename the column of the transaction, and allow any action. The requests stay."""
    op.drop_index("one_pending_approval", "approval")
    with op.batch_alter_table("approval") as table:
        table.drop_constraint("known_action", type_="check")
        table.alter_column(
            "transaction_id", new_column_name="subject_id", existing_type=sa.Uuid(), existing_nullable=False
        )
        table.alter_column(
            "action", type_=sa.String(length=20), existing_type=sa.String(length=10), existing_nullable=False
        )
    op.create_index(
        "one_pending_approval",
        "approval",
        ["subject_id"],
        unique=True,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
