"""Keyset pagination: a page begins behind the position of the last row shown, the values of its sort key."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, literal, tuple_

_Q = TypeVar("_Q", bound=Select[Any])


def newest_first(query: _Q, key: Sequence[Any], limit: int, after: tuple[Any, ...] | None) -> _Q:
    """Return the query in descending order of the columns `key`, from behind the position `after`, cut to `limit`."""
    if after:
        query = query.where(tuple_(*key) < position(key, after))
    return query.order_by(*(column.desc() for column in key)).limit(limit)


def by_age(
    query: _Q, key: Sequence[Any], limit: int, after: tuple[Any, ...] | None, *, oldest_first: bool = False
) -> _Q:
    """Return the query as `newest_first` does, or in ascending order of the columns `key`."""
    if not oldest_first:
        return newest_first(query, key, limit, after)
    if after:
        query = query.where(tuple_(*key) > position(key, after))
    return query.order_by(*key).limit(limit)


def position(key: Sequence[Any], values: tuple[Any, ...]) -> Any:
    """Return values to compare the columns `key` with. PostgreSQL would not compare an id with text."""
    return tuple_(*(literal(value, column.type) for column, value in zip(key, values, strict=True)))
