"""Statements for many rows at once: insert, update, and look up by keys.

A driver's `executemany` runs a statement for each row, and SQLite's releases the GIL each time. Other threads then run
in between, so a batch waits as often as it has rows.

SQLAlchemy compiles each statement once, for one row. For each batch size that row of parameters is repeated, and the
text is cached. SQLAlchemy itself takes 6 to 13 ms to compile an INSERT of 32 rows.

Ids are 32 hexadecimal digits in both directions, also for columns that SQLAlchemy maps to `uuid.UUID`.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Connection,
    Dialect,
    Select,
    String,
    Table,
    TextClause,
    TextualSelect,
    Uuid,
    and_,
    case,
    column,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from shared.db import driver
from shared.db.columns import HexId

_Process = Callable[[Any], Any]
_Build = Callable[..., Any]
REMEMBERED = 8192
_REPEATED = re.compile(r"/\*each\*/(.*?)/\*end\*/")

KEYS: TextClause = text("/*each*/?/*end*/")
"""Placeholder for the keys of a batch in a query to copy from: `column.in_(KEYS)`."""


@dataclass(frozen=True)
class Insert:
    """Inserts rows of `columns` into `table`.

    If a row's primary key exists, the existing row takes the new values in the columns `replace`, adds them in the
    columns `add`, and keeps the greater value in the columns `greatest`. `replace_if` is a column and the value that it
    must have for that, else the existing row stays unchanged. With `skip_known`, a row that violates any unique key is
    left out. Without any of these, an existing key is an error.
    """

    table: Table
    columns: tuple[str, ...]
    replace: tuple[str, ...] = ()
    skip_known: bool = False
    add: tuple[str, ...] = ()
    greatest: tuple[str, ...] = ()
    replace_if: tuple[str, Any] | None = None

    def execute(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
        """Insert `rows`, each with all columns. Return the number of rows inserted or changed."""
        return int(self._run(connection, rows).rowcount) if rows else 0

    def returning(
        self, connection: Connection, rows: Sequence[dict[str, Any]], columns: tuple[str, ...]
    ) -> list[tuple[Any, ...]]:
        """Insert `rows` and return these columns of each row inserted or changed, in no order."""
        if not rows:
            return []
        found = self._run(connection, rows, columns).fetchall()
        return [*_read(self.table, columns, connection.dialect, found)]

    def copy(self, connection: Connection, query: Select[Any] | CompoundSelect[Any], keys: Collection[Any]) -> None:
        """Insert the result of `query`, which contains KEYS, for `keys`. Its columns are in the order of `columns`.

        Keys are passed to the driver unconverted.
        """
        if keys:
            times = len(_REPEATED.findall(_compiled(connection.dialect, _copy, self, query)))
            driver.run(connection, _text(connection.dialect, len(keys), _copy, self, query), [*keys] * times)

    def _run(self, connection: Connection, rows: Sequence[dict[str, Any]], returning: tuple[str, ...] = ()) -> Any:
        bound = _bound(self.table, self.columns, connection.dialect, rows)
        return driver.run(connection, _text(connection.dialect, len(rows), _insert, self, returning), bound)


@dataclass(frozen=True)
class Update:
    """Sets `columns` of the rows of `table` that have the same `key`.

    `only_if` is a column and the value that it must have for a row to be changed. The value is a literal in the SQL
    text: with a parameter that decides whether a partial index applies, SQLite plans the statement anew each time,
    which takes longer than the change itself.
    """

    table: Table
    key: str
    columns: tuple[str, ...]
    only_if: tuple[str, Any] | None = None

    def execute(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> set[Any]:
        """Update the rows that `rows` name, each with key and all columns. Return the keys of the changed rows."""
        if not rows:
            return set()
        dialect = connection.dialect
        bound = _bound(self.table, (self.key, *self.columns), dialect, rows)
        changed = driver.run(connection, _text(dialect, len(rows), _update, self), bound).fetchall()
        return {key for (key,) in _read(self.table, (self.key,), dialect, changed)}


@dataclass(frozen=True)
class Lookup:
    """Reads `columns` of the rows of `table` with one of many `key` values. With `lock`, PostgreSQL locks them."""

    table: Table
    key: str
    columns: tuple[str, ...]
    lock: bool = False

    def execute(self, connection: Connection, keys: Collection[Any]) -> Iterator[tuple[Any, ...]]:
        """Return the values of the rows found, in the order of their keys."""
        if not keys:
            return iter(())
        dialect = connection.dialect
        bound = _bound(self.table, (self.key,), dialect, [{self.key: key} for key in keys])
        found = driver.run(connection, _text(dialect, len(keys), _lookup, self), bound)
        return _read(self.table, self.columns, dialect, found.fetchall())


@dataclass(frozen=True)
class LookupTogether:
    """Reads `columns` of the rows of `table` whose combined `keys` are one of many tuples."""

    table: Table
    keys: tuple[str, ...]
    columns: tuple[str, ...]

    def execute(self, connection: Connection, wanted: Collection[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """Return the values of the rows found, in no order."""
        if not wanted:
            return iter(())
        dialect = connection.dialect
        bound = _bound(self.table, self.keys, dialect, [dict(zip(self.keys, key, strict=True)) for key in wanted])
        found = driver.run(connection, _text(dialect, len(wanted), _lookup_together, self), bound)
        return _read(self.table, self.columns, dialect, found.fetchall())


@dataclass(frozen=True)
class Last:
    """Reads `columns` of the row of `table` with the greatest value of `by`."""

    table: Table
    by: str
    columns: tuple[str, ...]

    def execute(self, connection: Connection) -> tuple[Any, ...] | None:
        """Return the values, or None when the table is empty."""
        found = driver.run(connection, _compiled(connection.dialect, _last, self))
        return next(_read(self.table, self.columns, connection.dialect, found.fetchall()), None)


def _bound(table: Table, columns: tuple[str, ...], dialect: Dialect, rows: Iterable[dict[str, Any]]) -> list[Any]:
    """Return the values of all rows as one list, converted for the driver."""
    by_column: list[Iterable[Any]] = [map(itemgetter(name), rows) for name in columns]
    for place, process in _bind_processors(table, columns, dialect):
        by_column[place] = map(process, by_column[place])
    return [*chain.from_iterable(zip(*by_column, strict=True))]


def _read(
    table: Table, columns: tuple[str, ...], dialect: Dialect, rows: Iterable[tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    """Convert rows of the driver by the types of their columns."""
    by_column: list[Iterable[Any]] = [*zip(*rows, strict=True)]
    for place, process in _result_processors(table, columns, dialect) if by_column else ():
        by_column[place] = map(process, by_column[place])
    return zip(*by_column, strict=True)


@lru_cache(maxsize=256)
def _bind_processors(table: Table, columns: tuple[str, ...], dialect: Dialect) -> list[tuple[int, _Process]]:
    """Return the converters to the driver with the positions of their columns."""
    processes = (_type(table, name, dialect).bind_processor(dialect) for name in columns)
    return [(place, process) for place, process in enumerate(processes) if process]


@lru_cache(maxsize=256)
def _result_processors(table: Table, columns: tuple[str, ...], dialect: Dialect) -> list[tuple[int, _Process]]:
    """Return the converters from the driver. They cache recurring values, such as the ids of payers."""
    processes = (_type(table, name, dialect).result_processor(dialect, None) for name in columns)
    return [(place, lru_cache(REMEMBERED)(process)) for place, process in enumerate(processes) if process]


def _type(table: Table, name: str, dialect: Dialect) -> TypeEngine[Any]:
    """Return the type of a column in `dialect`."""
    kind = table.c[name].type
    return (HexId() if isinstance(kind, Uuid) else kind).dialect_impl(dialect)


@lru_cache(maxsize=4096)
def _text(dialect: Dialect, rows: int, build: _Build, *parts: Any) -> str:
    """Return the SQL text that `build` makes of the dialect and `parts`, for `rows` rows."""
    parameter = "?" if dialect.paramstyle == "qmark" else "%s"
    compiled = _compiled(dialect, build, *parts)
    return _REPEATED.sub(lambda row: ", ".join([row[1].replace("?", parameter)] * rows), compiled)


@lru_cache(maxsize=256)
def _compiled(dialect: Dialect, build: _Build, *parts: Any) -> str:
    """Return that text for one row, as SQLAlchemy compiles it. Values outside of the batch are literals in it."""
    return str(build(dialect, *parts).compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _insert(dialect: Dialect, insert: Insert, returning: tuple[str, ...]) -> Any:
    row = ", ".join("?" for _name in insert.columns)
    statement = _insert_from(dialect, insert, _values(row, len(insert.columns)))
    return statement.returning(*_columns(insert.table, returning)) if returning else statement


def _copy(dialect: Dialect, insert: Insert, query: Select[Any] | CompoundSelect[Any]) -> Any:
    return _insert_from(dialect, insert, query)


def _insert_from(dialect: Dialect, insert: Insert, rows: Any) -> Any:
    """Return the INSERT of `rows`, with what happens when a row of the same key exists."""
    make: Any = sqlite.insert if dialect.name == "sqlite" else postgresql.insert
    statement = make(insert.table).from_select(insert.columns, rows, include_defaults=False)
    if insert.skip_known:
        return statement.on_conflict_do_nothing()
    old, new = insert.table.c, statement.excluded
    changes = {name: new[name] for name in insert.replace}
    changes |= {name: old[name] + new[name] for name in insert.add}
    changes |= {name: case((new[name] > old[name], new[name]), else_=old[name]) for name in insert.greatest}
    if not changes:
        return statement
    condition = _has(insert.table, *insert.replace_if) if insert.replace_if else None
    return statement.on_conflict_do_update(index_elements=[*insert.table.primary_key], set_=changes, where=condition)


def _update(dialect: Dialect, change: Update) -> Any:
    table, key = change.table, change.table.c[change.key]
    new_key, *new = _typed_values(dialect, table, (change.key, *change.columns)).subquery("new").c
    statement = update(table).values(dict(zip(change.columns, new, strict=True))).where(key == new_key).returning(key)
    return statement.where(_has(table, *change.only_if)) if change.only_if else statement


def _lookup(_dialect: Dialect, lookup: Lookup) -> Any:
    key = lookup.table.c[lookup.key]
    query = select(*_columns(lookup.table, lookup.columns)).where(key.in_(KEYS)).order_by(key)
    return query.with_for_update() if lookup.lock else query


def _lookup_together(dialect: Dialect, lookup: LookupTogether) -> Any:
    wanted = _typed_values(dialect, lookup.table, lookup.keys).subquery("wanted")
    same = (key == value for key, value in zip(_columns(lookup.table, lookup.keys), wanted.c, strict=True))
    return select(*_columns(lookup.table, lookup.columns)).join_from(wanted, lookup.table, and_(*same))


def _last(_dialect: Dialect, last: Last) -> Any:
    return select(*_columns(last.table, last.columns)).order_by(last.table.c[last.by].desc()).limit(1)


def _columns(table: Table, names: tuple[str, ...]) -> list[Column[Any]]:
    return [table.c[name] for name in names]


def _has(table: Table, name: str, value: Any) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = table.c[name] == value
    return condition


def _typed_values(dialect: Dialect, table: Table, names: tuple[str, ...]) -> TextualSelect:
    """Return the rows of a batch with the types of columns, which PostgreSQL can't infer.

    Text has no length here: a CAST would truncate long text instead of refusing it.
    """
    if dialect.name == "sqlite":
        return _values(", ".join("?" for _name in names), len(names))
    types = (String() if isinstance(kind := table.c[name].type, String) else kind for name in names)
    return _values(", ".join(f"CAST(? AS {kind.compile(dialect=dialect)})" for kind in types), len(names))


def _values(row: str, columns: int) -> TextualSelect:
    """Return the rows of a batch. Both databases name the columns of VALUES `column1`, `column2` and so on."""
    names: Iterator[ColumnElement[Any]] = (column(f"column{place}") for place in range(1, columns + 1))
    return text(f"VALUES /*each*/({row})/*end*/").columns(*names)
