"""Column types that behave alike in Python and on both databases."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import CHAR, BigInteger, DateTime, Dialect, Integer, String, Uuid
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import mapped_column
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

_SECONDS_TO_1970 = 62135596800

SequenceKey = Annotated[
    int, mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)
]
"""A primary key that the database counts up."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: stored in UTC without a zone, read back in UTC with one, on both databases."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the database's type. SQLite has none for instants: there they are text, formatted by Python."""
        return dialect.type_descriptor(String(26) if dialect.name == "sqlite" else DateTime())

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], datetime | str | None]:
        """Return the converter to the database, a single call for each value."""
        return _sqlite_text if dialect.name == "sqlite" else _naive

    def process_result_value(self, value: datetime | str | None, dialect: Dialect) -> datetime | None:
        """Convert a value from the database."""
        known = datetime.fromisoformat(value) if isinstance(value, str) else value
        return None if known is None else known.replace(tzinfo=UTC)


class HexId(TypeDecorator[str]):
    """An id that is 32 hexadecimal digits in Python (see `shared.core.ids`), stored like SQLAlchemy's Uuid."""

    impl = Uuid
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the database's type. SQLite has none for ids: there they are the same text."""
        return dialect.type_descriptor(CHAR(32) if dialect.name == "sqlite" else Uuid(as_uuid=False))

    def bind_processor(self, dialect: Dialect) -> None:
        """Return no converter: PostgreSQL reads ids with and without dashes."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], str | None] | None:
        """Return the converter from the database: none for SQLite, from PostgreSQL's UUIDs else."""
        return None if dialect.name == "sqlite" else _hex


class WholeSeconds(FunctionElement[int]):
    """The whole seconds from 0001-01-01T00:00:00Z to the instant in a column of the type UtcDateTime."""

    type = BigInteger()
    inherit_cache = True


@compiles(WholeSeconds, "sqlite")
def _seconds_on_sqlite(element: WholeSeconds, compiler: Any, **options: Any) -> str:
    # Without the fraction, since older versions round it up.
    instant = f"substr({compiler.process(element.clauses, **options)}, 1, 19)"
    return f"(CAST(strftime('%s', {instant}) AS INTEGER) + {_SECONDS_TO_1970})"


@compiles(WholeSeconds, "postgresql")
def _seconds_on_postgresql(element: WholeSeconds, compiler: Any, **options: Any) -> str:
    instant = f"date_trunc('second', {compiler.process(element.clauses, **options)})"
    return f"(CAST(extract(epoch FROM {instant}) AS BIGINT) + {_SECONDS_TO_1970})"


def _hex(value: UUID | str | None) -> str | None:
    return None if value is None else value.hex if isinstance(value, UUID) else value.replace("-", "")


def _naive(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.astimezone(UTC).replace(tzinfo=None)


@lru_cache(maxsize=1024)
def _sqlite_text(instant: datetime | None) -> str | None:
    """Format an instant so that SQLite sorts it right. Cached, as the instants of a batch are mostly equal."""
    naive = _naive(instant)
    return None if naive is None else naive.isoformat(" ", "microseconds")
