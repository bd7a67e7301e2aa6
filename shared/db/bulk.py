"""Many rows by one SQL command: added, changed, or looked up by their keys.

A driver's `executemany` runs a command for each row, and SQLite's gives Python's interpreter lock away each time:
every thread that waits for it has its turn in between, so that a batch waits as often as it has rows. The commands are
plain text for the driver, since SQLAlchemy takes longer to put a long one together than the database to run it.

Ids go in and come out as 32 hexadecimal digits, also those of columns that SQLAlchemy gives as `uuid.UUID`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import BindParameter, CompoundSelect, Connection, Dialect, Select, Table, Uuid, bindparam
from sqlalchemy.types import TypeEngine

from shared.db import driver
from shared.db.columns import HexId

_Process = Callable[[Any], Any]
REMEMBERED = 8192
_COMPILED_KEYS = "(__[POSTCOMPILE_keys])"


KEYS: BindParameter[Any] = bindparam("keys", expanding=True)
"""Stands for the keys of a batch in a query whose rows are copied: `column.in_(KEYS)`."""


@dataclass(frozen=True)
class Insert:
    """Adds rows of `columns` to `table`.

    A row whose primary key is there already hands its values over in the columns `replace`, adds them in the columns
    `add` and leaves the greater one in the columns `greatest`. With `skip_known`, a row that any unique key has already
    is left out. Without any of these it is an error, as usual. `replace_if` is a column and the value that it must
    have, or the row stays as it is.
    """

    table: Table
    columns: tuple[str, ...]
    replace: tuple[str, ...] = ()
    skip_known: bool = False
    add: tuple[str, ...] = ()
    greatest: tuple[str, ...] = ()
    replace_if: tuple[str, Any] | None = None

    def execute(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
        """Add `rows` by one command; each has all the columns. How many were added or have handed their values over."""
        if not rows:
            return 0
        text = _insert_text(self, connection.dialect, len(rows))
        return int(driver.run(connection, text, _bound(self.table, self.columns, connection.dialect, rows)).rowcount)

    def returning(
        self, connection: Connection, rows: Sequence[dict[str, Any]], columns: tuple[str, ...]
    ) -> list[tuple[Any, ...]]:
        """Do the same, and return these columns of each row that was added or changed, in no order."""
        if not rows:
            return []
        text = _insert_text(self, connection.dialect, len(rows), columns)
        found = driver.run(connection, text, _bound(self.table, self.columns, connection.dialect, rows))
        return [*_read(self.table, columns, connection.dialect, found.fetchall())]

    def copy(self, connection: Connection, query: Select[Any] | CompoundSelect[Any], keys: Collection[Any]) -> None:
        """Add what `query` finds for `keys`, in the order of the columns; it has KEYS and no other parameters."""
        if not keys:
            return
        text, times, process = _copy_text(self, query, connection.dialect, len(keys))
        driver.run(connection, text, [process(key) if process else key for key in keys] * times)


@dataclass(frozen=True)
class Update:
    """Sets `columns` of the rows of `table` that have the same `key`, as far as they are what `only_if` says.

    `only_if` is a column and the value that it must have. It stands in the text: where a partial index may depend on a
    parameter, SQLite plans the command anew each time, which takes longer than the change itself.
    """

    table: Table
    key: str
    columns: tuple[str, ...]
    only_if: tuple[str, Any] | None = None

    def execute(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> set[Any]:
        """Change what `rows` say by one command; each has the key and all the columns. The keys of what was changed."""
        if not rows:
            return set()
        dialect = connection.dialect
        bound = _bound(self.table, (self.key, *self.columns), dialect, rows)
        changed = driver.run(connection, _update_text(self, dialect, len(rows)), bound).fetchall()
        return {key for (key,) in _read(self.table, (self.key,), dialect, changed)}


@dataclass(frozen=True)
class Lookup:
    """Reads `columns` of the rows of `table` whose `key` is one of many; with `lock` they are kept until the end."""

    table: Table
    key: str
    columns: tuple[str, ...]
    lock: bool = False

    def execute(self, connection: Connection, keys: Collection[Any]) -> Iterator[tuple[Any, ...]]:
        """The values of what was found, in the order of their keys."""
        if not keys:
            return iter(())
        dialect = connection.dialect
        bound = _bound(self.table, (self.key,), dialect, [{self.key: key} for key in keys])
        found = driver.run(connection, _lookup_text(self, dialect, len(keys)), bound)
        return _read(self.table, self.columns, dialect, found.fetchall())


@dataclass(frozen=True)
class LookupTogether:
    """Reads `columns` of the rows of `table` whose values of `keys`, taken together, are one of many."""

    table: Table
    keys: tuple[str, ...]
    columns: tuple[str, ...]

    def execute(self, connection: Connection, wanted: Collection[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """The values of what was found, in no order."""
        if not wanted:
            return iter(())
        dialect = connection.dialect
        bound = _bound(self.table, self.keys, dialect, [dict(zip(self.keys, key, strict=True)) for key in wanted])
        found = driver.run(connection, _lookup_together_text(self, dialect, len(wanted)), bound)
        return _read(self.table, self.columns, dialect, found.fetchall())


@dataclass(frozen=True)
class Last:
    """Reads `columns` of the row of `table` that has the greatest value of `by`."""

    table: Table
    by: str
    columns: tuple[str, ...]

    def execute(self, connection: Connection) -> tuple[Any, ...] | None:
        """The values, or None of an empty table."""
        found = driver.run(connection, _last_text(self, connection.dialect))
        return next(_read(self.table, self.columns, connection.dialect, found.fetchall()), None)


def _bound(table: Table, columns: tuple[str, ...], dialect: Dialect, rows: Iterable[dict[str, Any]]) -> list[Any]:
    """All values of all rows, one after the other, as the driver takes them."""
    by_column: list[Iterable[Any]] = [map(itemgetter(name), rows) for name in columns]
    for place, process in _bind_processors(table, columns, dialect):
        by_column[place] = map(process, by_column[place])
    return [*chain.from_iterable(zip(*by_column, strict=True))]


def _read(
    table: Table, columns: tuple[str, ...], dialect: Dialect, rows: Iterable[tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    """Rows as the driver gave them, with what the columns' types make of their values."""
    by_column: list[Iterable[Any]] = [*zip(*rows, strict=True)]
    for place, process in _result_processors(table, columns, dialect) if by_column else ():
        by_column[place] = map(process, by_column[place])
    return zip(*by_column, strict=True)


@lru_cache(maxsize=256)
def _bind_processors(table: Table, columns: tuple[str, ...], dialect: Dialect) -> list[tuple[int, _Process]]:
    """What makes of the values at some places what the driver takes."""
    processes = (_type(table, name, dialect).bind_processor(dialect) for name in columns)
    return [(place, process) for place, process in enumerate(processes) if process]


@lru_cache(maxsize=256)
def _result_processors(table: Table, columns: tuple[str, ...], dialect: Dialect) -> list[tuple[int, _Process]]:
    """The other way round; what comes again and again, as the ids of those who pay do, is made only once."""
    processes = (_type(table, name, dialect).result_processor(dialect, None) for name in columns)
    return [(place, lru_cache(REMEMBERED)(process)) for place, process in enumerate(processes) if process]


def _type(table: Table, name: str, dialect: Dialect) -> TypeEngine[Any]:
    """Return the type of a column as `dialect` has it."""
    kind = table.c[name].type
    return (HexId() if isinstance(kind, Uuid) else kind).dialect_impl(dialect)


@lru_cache(maxsize=1024)
def _insert_text(insert: Insert, dialect: Dialect, rows: int, returning: tuple[str, ...] = ()) -> str:
    quote = dialect.identifier_preparer.quote
    columns = ", ".join(map(quote, insert.columns))
    row = _marks(dialect, len(insert.columns))
    into = f"INSERT INTO {quote(insert.table.name)} ({columns})"
    text = f"{into} VALUES {', '.join([row] * rows)}{_conflict(insert, dialect)}"
    return f"{text} RETURNING {', '.join(map(quote, returning))}" if returning else text


@lru_cache(maxsize=1024)
def _copy_text(
    insert: Insert, query: Select[Any] | CompoundSelect[Any], dialect: Dialect, keys: int
) -> tuple[str, int, _Process | None]:
    """The command, how many times it names the keys, and how one becomes what the driver takes."""
    compiled = query.compile(dialect=dialect)
    (kind,) = {parameter.type for parameter in compiled.binds.values()}
    text, times = str(compiled), str(compiled).count(_COMPILED_KEYS)
    columns = ", ".join(map(dialect.identifier_preparer.quote, insert.columns))
    into = f"INSERT INTO {dialect.identifier_preparer.quote(insert.table.name)} ({columns})"
    text = f"{into} {text.replace(_COMPILED_KEYS, _marks(dialect, keys))}{_conflict(insert, dialect)}"
    return text, times, kind.dialect_impl(dialect).bind_processor(dialect)


def _conflict(insert: Insert, dialect: Dialect) -> str:
    """What happens where a row of the same key is there already."""
    quote = dialect.identifier_preparer.quote
    if insert.skip_known:
        return " ON CONFLICT DO NOTHING"
    if not (insert.replace or insert.add or insert.greatest):
        return ""
    key = ", ".join(quote(column.name) for column in insert.table.primary_key)
    change = f" ON CONFLICT ({key}) DO UPDATE SET {', '.join(_changes(insert, quote))}"
    if insert.replace_if is None:
        return change
    name, value = insert.replace_if
    condition = f"{quote(insert.table.name)}.{quote(name)} = {_literal(insert.table, name, value, dialect)}"
    return f"{change} WHERE {condition}"


def _changes(insert: Insert, quote: Callable[[str], str]) -> Iterator[str]:
    """What a row that is there already gets."""
    table = quote(insert.table.name)
    for name in map(quote, insert.replace):
        yield f"{name} = excluded.{name}"
    for name in map(quote, insert.add):
        yield f"{name} = {table}.{name} + excluded.{name}"
    for name in map(quote, insert.greatest):
        yield f"{name} = CASE WHEN excluded.{name} > {table}.{name} THEN excluded.{name} ELSE {table}.{name} END"


@lru_cache(maxsize=1024)
def _update_text(update: Update, dialect: Dialect, rows: int) -> str:
    """Both databases name the columns of VALUES `column1`, `column2` and so on."""
    quote = dialect.identifier_preparer.quote
    table, key = quote(update.table.name), quote(update.key)
    changes = ", ".join(f"{quote(name)} = new.column{place}" for place, name in enumerate(update.columns, 2))
    values = _typed_rows(update.table, (update.key, *update.columns), dialect, rows)
    condition = f"{table}.{key} = new.column1"
    if update.only_if:
        name, value = update.only_if
        condition += f" AND {table}.{quote(name)} = {_literal(update.table, name, value, dialect)}"
    return f"UPDATE {table} SET {changes} FROM (VALUES {values}) AS new WHERE {condition} RETURNING {table}.{key}"  # noqa: S608 - of names of ours alone


@lru_cache(maxsize=1024)
def _lookup_text(lookup: Lookup, dialect: Dialect, keys: int) -> str:
    quote = dialect.identifier_preparer.quote
    columns, key = ", ".join(map(quote, lookup.columns)), quote(lookup.key)
    text = f"SELECT {columns} FROM {quote(lookup.table.name)} WHERE {key} IN {_marks(dialect, keys)} ORDER BY {key}"  # noqa: S608 - of names of ours alone
    return f"{text} FOR UPDATE" if lookup.lock and dialect.name != "sqlite" else text


@lru_cache(maxsize=1024)
def _lookup_together_text(lookup: LookupTogether, dialect: Dialect, rows: int) -> str:
    quote = dialect.identifier_preparer.quote
    table = quote(lookup.table.name)
    columns = ", ".join(f"{table}.{quote(name)}" for name in lookup.columns)
    values = _typed_rows(lookup.table, lookup.keys, dialect, rows)
    conditions = (f"{table}.{quote(name)} = wanted.column{place}" for place, name in enumerate(lookup.keys, 1))
    return f"SELECT {columns} FROM (VALUES {values}) AS wanted JOIN {table} ON {' AND '.join(conditions)}"  # noqa: S608 - of names of ours alone


@lru_cache(maxsize=256)
def _last_text(last: Last, dialect: Dialect) -> str:
    quote = dialect.identifier_preparer.quote
    columns = ", ".join(map(quote, last.columns))
    return f"SELECT {columns} FROM {quote(last.table.name)} ORDER BY {quote(last.by)} DESC LIMIT 1"  # noqa: S608 - of names of ours alone


def _literal(table: Table, name: str, value: Any, dialect: Dialect) -> str:
    """A value as it stands in a command, quoted."""
    return (
        bindparam(None, value, table.c[name].type)
        .compile(dialect=dialect, compile_kwargs={"literal_binds": True})
        .string
    )


def _mark(dialect: Dialect) -> str:
    return "?" if dialect.paramstyle == "qmark" else "%s"


def _marks(dialect: Dialect, count: int) -> str:
    return f"({', '.join([_mark(dialect)] * count)})"


def _typed_rows(table: Table, names: tuple[str, ...], dialect: Dialect, rows: int) -> str:
    """Rows of VALUES. PostgreSQL takes the types of all rows from the first one, SQLite needs none."""
    row, mark = _marks(dialect, len(names)), _mark(dialect)
    if dialect.name == "sqlite":
        return ", ".join([row] * rows)
    types = (table.c[name].type.compile(dialect=dialect) for name in names)
    return ", ".join([f"({', '.join(f'CAST({mark} AS {kind})' for kind in types)})", *[row] * (rows - 1)])
