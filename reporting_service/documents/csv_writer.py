"""Rows as CSV (RFC 4180) in UTF-8, written as they come, so that memory does not grow with them."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from typing import IO, Any

from pydantic_core import to_json

from shared.core.texts import formula_safe


@contextmanager
def csv_rows(out: IO[bytes]) -> Iterator[Any]:
    """Open a `csv.writer`. What it writes is whole when the context is left; `out` stays open."""
    lines = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    try:
        yield csv.writer(lines)
    finally:
        lines.detach()


def cells_of(row: Mapping[str, Any], paths: Iterable[str]) -> list[str]:
    """Return the values of a row by their paths, such as `account.id`. One that the row lacks is an empty cell."""
    return [_cell(reduce(_part, path.split("."), row)) for path in paths]


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else None


def _cell(value: Any) -> str:
    """Return a cell. Amounts are text that begins with a digit or a sign and a digit, and stay as they are."""
    if isinstance(value, Mapping | list):
        value = to_json(value).decode() if value else None
    text = "" if value is None else str(value)
    return text if _is_number(text) else formula_safe(text)


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdecimal() and text.isascii()
