"""The tables that a report consists of when it is downloaded."""

from collections.abc import Sequence
from dataclasses import dataclass

Cell = str | int
CSV_TYPE, PDF_TYPE = "text/csv; charset=utf-8", "application/pdf"
MEDIA_TYPES = ("application/json", "text/csv", "application/pdf")


@dataclass(frozen=True)
class Table:
    """A table with a title. The cells of the first `text_columns` columns are text, the others figures."""

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    text_columns: int = 1
