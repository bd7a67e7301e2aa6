"""Types of columns that Python and both databases see alike."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import CHAR, DateTime, Dialect, String, Uuid
from sqlalchemy.types import TypeDecorator, TypeEngine


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: kept as UTC without a zone, read back as UTC with one, the same on every database."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """SQLite has no type for instants: there they are text, written by Python itself."""
        return dialect.type_descriptor(String(26) if dialect.name == "sqlite" else DateTime())

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], datetime | str | None]:
        """To the database, by one call for each value."""
        return _sqlite_text if dialect.name == "sqlite" else _naive

    def process_result_value(self, value: datetime | str | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        known = datetime.fromisoformat(value) if isinstance(value, str) else value
        return None if known is None else known.replace(tzinfo=UTC)


class HexId(TypeDecorator[str]):
    """An id that Python sees as 32 hexadecimal digits (see `shared.core.ids`), kept as SQLAlchemy's Uuid keeps it."""

    impl = Uuid
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """SQLite has no type for ids: there they are this very text."""
        return dialect.type_descriptor(CHAR(32) if dialect.name == "sqlite" else Uuid(as_uuid=False))

    def bind_processor(self, dialect: Dialect) -> None:
        """Give the text as it is: PostgreSQL reads it with and without dashes."""

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], str | None] | None:
        """Read the text as it is, or what PostgreSQL's driver has made of it."""
        return None if dialect.name == "sqlite" else _hex


def _hex(value: UUID | str | None) -> str | None:
    return None if value is None else value.hex if isinstance(value, UUID) else value.replace("-", "")


def _naive(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.astimezone(UTC).replace(tzinfo=None)


@lru_cache(maxsize=1024)
def _sqlite_text(instant: datetime | None) -> str | None:
    """As SQLite compares it; what is written in one batch is mostly of one moment."""
    naive = _naive(instant)
    return None if naive is None else naive.isoformat(" ", "microseconds")
