"""Many rows by one SQL command.

A driver's `executemany` runs a command for each row, and SQLite's gives Python's interpreter lock away each time:
every thread that waits for it has its turn in between, so that a batch waits as often as it has rows.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table


@dataclass(frozen=True)
class Insert:
    """Adds rows of `columns` to `table`.

    A row whose primary key is there already hands its values over in the columns `replace`, adds them in the columns
    `add` and leaves the greater one in the columns `greatest`. With `skip_known`, a row that any unique key has already
    is left out. Without any of these it is an error, as usual.
    """

    table: Table
    columns: tuple[str, ...]
    replace: tuple[str, ...] = ()
    skip_known: bool = False
    add: tuple[str, ...] = ()
    greatest: tuple[str, ...] = ()

    def execute(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
        """Add `rows` by one command; each has all the columns. How many were added or have handed their values over."""
        if not rows:
            return 0
        columns = list(zip(self.columns, _processors(self, connection.dialect), strict=True))
        values = [process(row[name]) if process else row[name] for row in rows for name, process in columns]
        return connection.exec_driver_sql(_sql(self, connection.dialect, len(rows)), tuple(values)).rowcount


@lru_cache(maxsize=64)
def _processors(insert: Insert, dialect: Dialect) -> tuple[Callable[[Any], Any] | None, ...]:
    """How the value of each column becomes what the driver takes."""
    types = (insert.table.c[name].type for name in insert.columns)
    return tuple(kind.dialect_impl(dialect).bind_processor(dialect) for kind in types)


@lru_cache(maxsize=1024)
def _sql(insert: Insert, dialect: Dialect, rows: int) -> str:
    quote = dialect.identifier_preparer.quote
    table = quote(insert.table.name)
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    row = f"({', '.join([mark] * len(insert.columns))})"
    columns = ", ".join(map(quote, insert.columns))
    text = f"INSERT INTO {table} ({columns}) VALUES {', '.join([row] * rows)}"  # noqa: S608 - of names of ours alone
    if insert.skip_known:
        return f"{text} ON CONFLICT DO NOTHING"
    if not (insert.replace or insert.add or insert.greatest):
        return text
    key = ", ".join(quote(column.name) for column in insert.table.primary_key)
    return f"{text} ON CONFLICT ({key}) DO UPDATE SET {', '.join(_changes(insert, quote))}"


def _changes(insert: Insert, quote: Callable[[str], str]) -> Iterator[str]:
    """What a row that is there already gets."""
    table = quote(insert.table.name)
    for name in map(quote, insert.replace):
        yield f"{name} = excluded.{name}"
    for name in map(quote, insert.add):
        yield f"{name} = {table}.{name} + excluded.{name}"
    for name in map(quote, insert.greatest):
        yield f"{name} = CASE WHEN excluded.{name} > {table}.{name} THEN excluded.{name} ELSE {table}.{name} END"
