"""What Alembic runs for each of its commands: the revisions, on the connection and for the tables that it was given.

Batch mode lets SQLite change a table in ways that its ALTER TABLE can't: the table is made anew and copied.
"""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from shared.db.columns import UtcDateTime


def _render(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """Write our own column type by its short name into a new revision; False leaves an item to Alembic."""
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
