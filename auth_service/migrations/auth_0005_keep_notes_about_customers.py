"""Keep notes about customers, and let people be found by their phone numbers."""

import sqlalchemy as sa
from alembic import op

from shared.core.texts import digits_of, folded
from shared.db.columns import UtcDateTime

revision = "auth_0005"
down_revision = "auth_0004"
_table = sa.table("user", sa.column("id", sa.Uuid()), sa.column("phone"), sa.column("search_text"))
_AT_ONCE = 1000


def upgrade() -> None:
    """Add the table, and add the phone numbers to what is searched."""
    op.create_table(
        "customer_note",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["user.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"]),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index("customer_note_by_user", "customer_note", ["user_id", "sequence"])
    _search_phones()


def _search_phones() -> None:
    connection = op.get_bind()
    fill = sa.update(_table).where(_table.c.id == sa.bindparam("row_id")).values(search_text=sa.bindparam("text"))
    query = sa.select(_table).where(_table.c.phone.is_not(None)).order_by(_table.c.id).limit(_AT_ONCE)
    rows = connection.execute(query).all()
    while rows:
        connection.execute(fill, [{"row_id": row.id, "text": _with_phone(row.search_text, row.phone)} for row in rows])
        rows = connection.execute(query.where(_table.c.id > rows[-1].id)).all()


def _with_phone(text: str, phone: str) -> str:
    return "\n".join((text, folded(phone), digits_of(phone)))
