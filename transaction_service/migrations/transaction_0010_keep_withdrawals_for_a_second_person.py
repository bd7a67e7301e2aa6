"""Let withdrawals at the counter wait for a second person too."""

from alembic import op

revision = "transaction_0010"
down_revision = "transaction_0009"


def upgrade() -> None:
    """Allow a third action."""
    with op.batch_alter_table("approval") as table:
        table.drop_constraint("known_action", type_="check")
        table.create_check_constraint("known_action", "action IN ('reverse', 'pay_out', 'withdraw')")
