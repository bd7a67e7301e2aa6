"""Keep a folded copy of what is searched, so that both databases find the same."""

import sqlalchemy as sa
from alembic import op

from shared.core.texts import folded

revision = "auth_0002"
down_revision = "auth_0001"
_table = sa.table(
    "user",
    sa.column("id", sa.Uuid()),
    sa.column("username"),
    sa.column("email"),
    sa.column("full_name"),
    sa.column("search_text"),
)
_AT_ONCE = 1000


def upgrade() -> None:
    """Add the column, and fill it from the rows there are."""
    op.add_column("user", sa.Column("search_text", sa.Text(), server_default="", nullable=False))
    connection = op.get_bind()
    fill = sa.update(_table).where(_table.c.id == sa.bindparam("row_id")).values(search_text=sa.bindparam("text"))
    people = sa.select(_table.c.id, _table.c.username, _table.c.email, _table.c.full_name)
    query = people.order_by(_table.c.id).limit(_AT_ONCE)
    rows = connection.execute(query).all()
    while rows:
        connection.execute(fill, [{"row_id": row.id, "text": folded("\n".join(filter(None, row[1:])))} for row in rows])
        rows = connection.execute(query.where(_table.c.id > rows[-1].id)).all()
