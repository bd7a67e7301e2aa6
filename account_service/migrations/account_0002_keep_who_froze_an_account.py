"""Record who froze, unfroze or closed an account, when and why.

Until now only the last reason was kept, in a column of the account. It becomes the first row of the account's history,
with nobody's name and no time, which were not kept.
"""

import sqlalchemy as sa
from alembic import op

from shared.db.columns import UtcDateTime

revision = "account_0002"
down_revision = "account_0001"


def upgrade() -> None:
    """Make the table, and move the reasons into it."""
    op.create_table(
        "account_status_change",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("from_status", sa.String(length=10), nullable=False),
        sa.Column("to_status", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index("account_status_change_by_account", "account_status_change", ["account_id", "sequence"])
    # Closing gave no reason, so that of a closed account is from when it was let go on.
    op.execute(
        "INSERT INTO account_status_change (account_id, from_status, to_status, reason)"
        " SELECT id, CASE status WHEN 'frozen' THEN 'active' ELSE 'frozen' END,"
        " CASE status WHEN 'frozen' THEN 'frozen' ELSE 'active' END, status_reason"
        " FROM account WHERE status_reason IS NOT NULL ORDER BY created_at"
    )
    op.drop_column("account", "status_reason")  # in place, also on SQLite: no index and no constraint names it
