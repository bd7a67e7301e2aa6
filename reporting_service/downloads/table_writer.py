"""Tables as CSV (RFC 4180) and on pages in PDF."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import IO, NamedTuple

from reporting_service.documents.csv_writer import csv_rows
from reporting_service.documents.document_schemas import Bank
from reporting_service.documents.page_writer import FOOT, HEIGHT, INK, MARGIN, MUTED, RIGHT, Paper, wrapped
from reporting_service.downloads.download_schemas import Cell, Table
from shared.core.texts import formula_safe

SIZE, LEADING, GAP, PAD = 8.0, 10.0, 4.0, 4.0
FIRST_TOP, TOP = HEIGHT - 170, HEIGHT - MARGIN - 20
_HEAD = 3 * LEADING + GAP
_WIDE_COLUMNS = {"description": 3.0, "id": 2.6, "timestamp": 1.7, "counterparty": 1.6, "balance_after": 1.6}
_NAMES = frozenset({"figure", "added"})
"""Headers of columns whose cells are names of figures."""


class _Place(NamedTuple):
    """Where a row stands: its page and height. `row` is None for the head of the table."""

    page: int
    y: float
    row: Sequence[Cell] | None


def write_csv(tables: Sequence[Table], out: IO[bytes]) -> None:
    """Write all tables below one another. Each row begins with the title of its table and has the same number of cells.

    The first row of a table names its columns. Amounts keep their signs and have no thousands separators.
    """
    width = max(len(table.headers) for table in tables)
    with csv_rows(out) as rows:
        for table in tables:
            for row in (table.headers, *(_safe(row, table.text_columns) for row in table.rows)):
                rows.writerow([table.title, *row, *[""] * (width - len(row))])


def write_pdf(tables: Sequence[Table], bank: Bank, lead: Sequence[str], at: datetime, out: IO[bytes]) -> None:
    """Write the tables on pages. `lead` is the title and further lines above the first table."""
    tables = [table for table in tables if table.rows]
    pages = max((page for table in _placed(tables) for page, *_ in table), default=1)
    paper = Paper(out, bank, title=lead[0], subject="Report", at=at)
    paper.bank_block("Report")
    paper.y = HEIGHT - 130
    with paper.element("H2"):
        paper.text(MARGIN, wrapped(lead[0], RIGHT - MARGIN, 12, 1)[0], size=12, bold=True)
    for line in lead[1:]:
        paper.y -= 14
        with paper.element("P"):
            paper.text(MARGIN, line, color=MUTED)
    page = 1
    for table, rows in zip(tables, _placed(tables), strict=True):
        page = _write_table(paper, table, rows, page, pages)
    paper.end_page(pages, pages)
    paper.finish()


def _safe(row: Sequence[Cell], text_columns: int) -> list[Cell]:
    return [formula_safe(str(cell)) if place < text_columns else cell for place, cell in enumerate(row)]


def _placed(tables: Sequence[Table]) -> Iterator[list[_Place]]:
    """Yield the places of each table. One that goes on has its head on each page."""
    page, y = 1, FIRST_TOP
    for table in tables:
        if y - _HEAD - _height(table, table.rows[0]) < FOOT:
            page, y = page + 1, TOP
        places = [_Place(page, y, None)]
        y -= _HEAD
        for row in table.rows:
            if y - _height(table, row) < FOOT:
                page, y = page + 1, TOP
                places.append(_Place(page, y, None))
                y -= _HEAD
            places.append(_Place(page, y, row))
            y -= _height(table, row)
        y -= 2 * LEADING
        yield places


def _write_table(paper: Paper, table: Table, places: Sequence[_Place], page: int, pages: int) -> int:
    """Write a table that begins on `page` or the next one, and return the page on which it ends."""
    first = places[0]
    if first.page > page:
        paper.end_page(page, pages)
    page, paper.y = first.page, first.y
    with paper.element("H3"):
        paper.text(MARGIN, table.title, size=10, bold=True)
    with paper.element("Table"):
        _write_head(paper, table)
        for place in places[1:]:
            if place.page > page:
                paper.end_page(page, pages)
            page, paper.y = place.page, place.y
            if place.row is None:
                with paper.artifact():
                    paper.text(MARGIN, table.title, size=10, bold=True)
                    _write_head(paper, table)
            else:
                _write_cells(paper, table, _lines(table, place.row), is_head=False)
    return page


def _edges(table: Table) -> list[tuple[float, float]]:
    """Return the left and the right edge of each column. Columns of long texts are wider."""
    shares = [_WIDE_COLUMNS.get(header, 1.3) for header in table.headers]
    unit, x, edges = (RIGHT - MARGIN) / sum(shares), MARGIN, []
    for share in shares:
        edges.append((x + PAD, x + share * unit - PAD))
        x += share * unit
    return edges


def _lines(table: Table, row: Sequence[Cell]) -> list[tuple[str, ...]]:
    first = str(row[0]).replace("_", " ") if table.headers[0] in _NAMES else row[0]
    return [
        wrapped(str(cell), right - left, SIZE, 3)
        for cell, (left, right) in zip((first, *row[1:]), _edges(table), strict=True)
    ]


def _height(table: Table, row: Sequence[Cell]) -> float:
    return max(map(len, _lines(table, row))) * LEADING + GAP


def _write_head(paper: Paper, table: Table) -> None:
    paper.y -= LEADING + GAP
    _write_cells(paper, table, [(header.replace("_", " "),) for header in table.headers], is_head=True)
    paper.y -= GAP
    paper.rule()


def _write_cells(paper: Paper, table: Table, cells: Sequence[Sequence[str]], *, is_head: bool) -> None:
    top = paper.y
    color = MUTED if is_head else INK
    with paper.element("TR"):
        for place, (lines, (left, right)) in enumerate(zip(cells, _edges(table), strict=True)):
            paper.y, ends = top, place >= table.text_columns
            with paper.element("TH", "Column") if is_head else paper.element("TD"):
                for line in lines:
                    paper.text(right if ends else left, line, ends=ends, size=SIZE, color=color)
                    paper.y -= LEADING
    paper.y = top
