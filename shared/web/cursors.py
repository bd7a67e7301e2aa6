"""Cursors for pagination: opaque text with the position of the last row shown."""

import base64
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cache
from types import GenericAlias
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, TypeAdapter
from pydantic_core import to_json

from shared.core.errors import InvalidRequest
from shared.core.ids import GivenId
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


class SortedPage(Page):
    """The query of a list that begins at either end. A cursor belongs to the order in which it was given."""

    sort: Literal["newest", "oldest"] = "newest"
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
    return answer_type(PageAnswer, noun, GenericAlias(list, row), row, suffix="PageAnswer")


_PARTS: dict[type, Any] = {
    int: Annotated[int, Field(gt=-(2**63), lt=2**63)],  # the range of a BIGINT column
    datetime: Annotated[AwareDatetime, AfterValidator(lambda instant: instant.astimezone(UTC))],
    UUID: UUID,
    str: GivenId,
}


@cache
def _position_of(*kinds: type) -> TypeAdapter[Any]:
    position: Any = GenericAlias(tuple, tuple(_PARTS[kind] for kind in kinds))
    return TypeAdapter(position)


def encode(*position: Any) -> str:
    """Return a cursor for a position: the sort key of the last row shown, of integers, instants and ids."""
    return base64.urlsafe_b64encode(to_json(position)).decode().rstrip("=")


def decode(cursor: str | None, *kinds: type) -> Any:
    """Return the position in a cursor as values of these types, or None for the first page.

    A type is int, datetime, UUID, or str for an id of 32 hexadecimal digits. Raises InvalidRequest for a text that
    `encode` did not make.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        position = base64.b64decode(padded, altchars=b"-_", validate=True)
        return _position_of(*kinds).validate_json(position, strict=True)
    except (ValueError, OverflowError):
        raise InvalidRequest(details={"cursor": "is not a cursor of this list; use its next_cursor"}) from None


def fetch_page(page: Page, fetch: Callable[..., Sequence[_T]], **key: type) -> tuple[list[_T], Pagination]:
    """Return a page of a list that is ordered by the attributes `key`, given with their types as `decode` takes them.

    `fetch` gets the keyword arguments `limit` and `after`, the key of the last row of the page before, or None. Raises
    InvalidRequest for a cursor of another list.
    """
    rows = list(fetch(limit=page.limit + 1, after=decode(page.cursor, *key.values())))
    shown = rows[: page.limit]
    has_more = len(rows) > page.limit  # the extra row only shows that there is a next page
    next_cursor = encode(*(getattr(shown[-1], name) for name in key)) if has_more else None
    return shown, Pagination(limit=page.limit, next_cursor=next_cursor)
