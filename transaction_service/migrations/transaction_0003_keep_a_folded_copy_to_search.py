"""Store a case-folded copy of descriptions, so that a search finds the same on both databases."""

import sqlalchemy as sa
from alembic import op

from shared.core.texts import folded

revision = "transaction_0003"
down_revision = "transaction_0002"
_table = sa.table("transaction", sa.column("id", sa.Uuid()), sa.column("description"), sa.column("search_text"))
_AT_ONCE = 1000


def upgrade() -> None:
    """Add the column, and fill it from the rows there are."""
    op.add_column("transaction", sa.Column("search_text", sa.Text(), server_default="", nullable=False))
    connection = op.get_bind()
    fill = sa.update(_table).where(_table.c.id == sa.bindparam("row_id")).values(search_text=sa.bindparam("text"))
    described = sa.select(_table.c.id, _table.c.description).where(_table.c.description.is_not(None))
    query = described.order_by(_table.c.id).limit(_AT_ONCE)
    rows = connection.execute(query).all()
    while rows:
        connection.execute(fill, [{"row_id": row.id, "text": folded(row.description)} for row in rows])
        rows = connection.execute(query.where(_table.c.id > rows[-1].id)).all()
