"""Rows of lists as CSV (RFC 4180) in UTF-8, written as they come, so that memory does not grow with them."""

import csv
import io
from collections.abc import Mapping
from functools import reduce
from typing import IO, Any, Self

from pydantic_core import to_json

from shared.core.texts import formula_safe


class CsvTable:
    """A CSV that is written row by row. It is whole when the context is left; the file stays open.

    `columns` are the paths of the values in a row, such as `account.id`, by the headers of their columns. A value that
    a row lacks leaves its cell empty. `count` is the number of rows written.
    """

    def __init__(self, out: IO[bytes], columns: Mapping[str, str]) -> None:
        self._lines = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
        self._sheet = csv.writer(self._lines)
        self._paths = [path.split(".") for path in columns.values()]
        self._sheet.writerow(columns)
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._lines.detach()

    def write(self, row: Mapping[str, Any]) -> None:
        """Write a row."""
        self._sheet.writerow([_cell(reduce(_part, path, row)) for path in self._paths])
        self.count += 1


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
