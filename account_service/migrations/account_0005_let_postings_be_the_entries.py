"""Read ledger entries from postings, and drop the table of entries, which repeated them."""

import sqlalchemy as sa
from alembic import op

revision = "account_0005"
down_revision = "account_0004"

_DRAWN = sa.text("from_account_id IS NOT NULL AND outcome = 'posted'")
_PAID = sa.text("to_account_id IS NOT NULL AND outcome = 'posted'")


def upgrade() -> None:
    """Find the postings of an account by two indexes."""
    for name, column, condition in (
        ("posting_by_source", "from_account_id", _DRAWN),
        ("posting_by_target", "to_account_id", _PAID),
    ):
        columns = [column, "decided_at"]
        op.create_index(name, "posting", columns, sqlite_where=condition, postgresql_where=condition)
    op.drop_table("ledger_entry")
