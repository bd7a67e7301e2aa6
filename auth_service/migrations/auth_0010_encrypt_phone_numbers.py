"""Keep phone numbers where they can be encrypted, and take them out of what is searched as text.

The key is not known here: the start of the service encrypts the numbers that this revision moves.
"""

import sqlalchemy as sa
from alembic import op

from shared.core.texts import folded

revision = "auth_0010"
down_revision = "auth_0009"
_table = sa.table(
    "user",
    sa.column("id", sa.Uuid()),
    sa.column("username"),
    sa.column("email"),
    sa.column("full_name"),
    sa.column("phone"),
    sa.column("encrypted_phone"),
    sa.column("search_text"),
)
_AT_ONCE = 1000


def upgrade() -> None:
    """Add the columns, move the numbers, and drop the readable one."""
    op.add_column("user", sa.Column("encrypted_phone", sa.String(length=255), nullable=True))
    op.add_column("user", sa.Column("phone_entries", sa.Text(), server_default="", nullable=False))
    _move_phones()
    op.drop_column("user", "phone")


def _move_phones() -> None:
    connection = op.get_bind()
    connection.execute(sa.update(_table).values(encrypted_phone=_table.c.phone))
    fill = sa.update(_table).where(_table.c.id == sa.bindparam("row_id")).values(search_text=sa.bindparam("text"))
    people = sa.select(_table.c.id, _table.c.username, _table.c.email, _table.c.full_name)
    query = people.where(_table.c.phone.is_not(None)).order_by(_table.c.id).limit(_AT_ONCE)
    rows = connection.execute(query).all()
    while rows:
        connection.execute(fill, [{"row_id": row.id, "text": folded("\n".join(filter(None, row[1:])))} for row in rows])
        rows = connection.execute(query.where(_table.c.id > rows[-1].id)).all()
