"""Cursors for pagination: opaque text with the position of the last row shown."""

import base64
import json
import types
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import BeforeValidator, Field

from shared.core.errors import InvalidRequest
from shared.web.validation.openapi import Answer, Described, Query, answer_type

_T = TypeVar("_T")


def _require_digits(value: Any) -> Any:
    """Refuse other spellings that Python reads as integers: 1_0, +5, 5.0 and spaces."""
    if isinstance(value, str) and not (value.isascii() and value.isdecimal()):
        raise ValueError("must be a whole number")
    return value


Limit = Annotated[int, BeforeValidator(_require_digits), Field(ge=1, le=200, description="How many rows at most.")]
LongLimit = Annotated[int, BeforeValidator(_require_digits), Field(ge=1, le=1000, description="How many rows at most.")]


class Page(Query):
    """The query of every list: page size and cursor."""

    limit: Limit = 50
    cursor: Annotated[str | None, Field(max_length=500, description="`next_cursor` of the page before.")] = None


Sort = Literal["newest", "oldest"]


class SortedPage(Page):
    """The query of a list that begins at either end. A cursor belongs to the order in which it was given."""

    sort: Sort = "newest"
    """Whether the newest rows come first, or the oldest."""


class Pagination(Described):
    """Pagination data of every list."""

    limit: int
    """The maximal number of rows of a page."""
    next_cursor: Annotated[str, Field(examples=["WyIyMDI2LTAxLTMxIl0"])] | None
    """The `cursor` of the next page; null on the last one."""


class PageAnswer(Answer):
    """The answer of every list. `page_of` adds the rows under their noun."""

    pagination: Pagination
    """The page size, and the cursor of the next page."""


@cache
def page_of(**rows: Any) -> type[PageAnswer]:
    """Return the schema of a page of a list with its rows under their noun: `page_of(accounts=AccountOut)`."""
    ((noun, row),) = rows.items()
    return answer_type(PageAnswer, noun, types.GenericAlias(list, row), row, suffix="PageAnswer")


def _read_int(value: Any) -> int:
    if type(value) is not int or abs(value) >= 2**63:  # the range of a BIGINT column
        raise ValueError
    return value


def _read_instant(value: Any) -> datetime:
    instant = datetime.fromisoformat(value)
    if instant.tzinfo is None:
        raise ValueError
    return instant.astimezone(UTC)


def _read_hex_id(value: Any) -> str:
    return UUID(value).hex


_READERS: dict[type, Callable[[Any], Any]] = {
    int: _read_int,
    datetime: _read_instant,
    UUID: UUID,
    str: _read_hex_id,
}


def encode(*position: Any) -> str:
    """Return a cursor for a position: the sort key of the last row shown, of integers, instants and ids."""
    parts = [part if isinstance(part, int) else str(part) for part in position]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode(cursor: str | None, *types: type) -> Any:
    """Return the position in a cursor as values of `types`, or None for the first page.

    A type is int, datetime, UUID, or str for an id of 32 hexadecimal digits. Raises InvalidRequest for a text that
    `encode` did not make.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        parts = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        return tuple(_READERS[kind](part) for kind, part in zip(types, parts, strict=True))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        raise InvalidRequest(details={"cursor": "is not a cursor of this list; use its next_cursor"}) from None


def fetch_page(page: Page, fetch: Callable[..., Sequence[_T]], **key: type) -> tuple[list[_T], Pagination]:
    """Return a page of a list that is ordered by the attributes `key`, given with their types as `decode` takes them.

    `fetch` gets the keyword arguments `limit` and `after`, the key of the last row of the page before, or None. Raises
    InvalidRequest for a cursor of another list.
    """
    rows = fetch(limit=page.limit + 1, after=decode(page.cursor, *key.values()))
    return paginate(list(rows), page.limit, *key)


def paginate(rows: list[Any], limit: int, *key_names: str) -> tuple[list[Any], Pagination]:
    """Cut `limit + 1` fetched rows to a page. The extra row only shows that there is a next page.

    The cursor consists of the attributes `key_names` of the last row shown.
    """
    shown = rows[:limit]
    if len(rows) <= limit:
        return shown, Pagination(limit=limit, next_cursor=None)
    return shown, Pagination(limit=limit, next_cursor=encode(*(getattr(shown[-1], name) for name in key_names)))
