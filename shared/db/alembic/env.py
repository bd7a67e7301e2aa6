"""Alembic's script environment: runs revisions on the given connection, for the given tables.

Batch mode performs changes that SQLite's ALTER TABLE can't make: it copies the table into a new one.
"""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from shared.db.columns import UtcDateTime


def _render(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """Write our own column type with its import into a new revision; False leaves other items to Alembic."""
    if kind == "type" and isinstance(item, UtcDateTime):
        autogenerate.imports.add("from shared.db.columns import UtcDateTime")
        return "UtcDateTime()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    render_as_batch=True,
    render_item=_render,
)
context.run_migrations()
