"""Tables as CSV (RFC 4180) and on pages in PDF."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from reporting_service.documents.document_schemas import Bank
from reporting_service.documents.page_writer import FOOT, HEIGHT, MARGIN, MUTED, RIGHT, Paper, wrapped
from reporting_service.downloads.download_schemas import Cell, Table
from shared.core.texts import formula_safe

SIZE, LEADING, GAP, PAD = 8.0, 10.0, 4.0, 4.0
FIRST_TOP, TOP = HEIGHT - 170, HEIGHT - MARGIN - 20
_HEAD = 3 * LEADING + GAP
_WIDE_COLUMNS = {"description": 3.0, "id": 2.6, "timestamp": 1.7, "counterparty": 1.6, "balance_after": 1.6}
_NAMES = frozenset({"figure", "added"})
"""Headers of columns whose cells are names of figures."""


def write_csv(tables: Sequence[Table], out: IO[bytes]) -> None:
    """Write all tables below one another. Each row begins with the title of its table and has the same number of cells.

    The first row of a table names its columns. Amounts keep their signs and have no thousands separators.
    """
    width = max(len(table.headers) for table in tables)
    lines = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    rows = csv.writer(lines)
    for table in tables:
        for row in (table.headers, *(_safe(row, table.text_columns) for row in table.rows)):
            rows.writerow([table.title, *row, *[""] * (width - len(row))])
    lines.detach()


def write_pdf(tables: Sequence[Table], bank: Bank, lead: Sequence[str], out: IO[bytes]) -> None:
    """Write the tables on pages. `lead` is the title and further lines above the first table."""
    pages = max((page for page, *_ in _placed(tables)), default=1)
    paper = Paper(out, bank, title=lead[0], subject="Report")
    paper.bank_block("Report")
    paper.y = HEIGHT - 130
    paper.text(MARGIN, wrapped(lead[0], RIGHT - MARGIN, 12, 1)[0], size=12, bold=True)
    for line in lead[1:]:
        paper.y -= 14
        paper.text(MARGIN, line, color=MUTED)
    page = 1
    for on_page, y, table, row in _placed(tables):
        if on_page > page:
            paper.end_page(page, pages)
            page = on_page
        paper.y = y
        if row is None:
            _write_head(paper, table)
        else:
            _write_row(paper, table, row)
    paper.end_page(page, pages)
    paper.finish()


def _safe(row: Sequence[Cell], text_columns: int) -> list[Cell]:
    return [formula_safe(str(cell)) if place < text_columns else cell for place, cell in enumerate(row)]


def _placed(tables: Iterable[Table]) -> Iterator[tuple[int, float, Table, Sequence[Cell] | None]]:
    """Yield the page and the height of each head (None) and row. A table that goes on has its head on each page."""
    page, y = 1, FIRST_TOP
    for table in tables:
        if not table.rows:
            continue
        if y - _HEAD - _height(table, table.rows[0]) < FOOT:
            page, y = page + 1, TOP
        yield page, y, table, None
        y -= _HEAD
        for row in table.rows:
            if y - _height(table, row) < FOOT:
                page, y = page + 1, TOP
                yield page, y, table, None
                y -= _HEAD
            yield page, y, table, row
            y -= _height(table, row)
        y -= 2 * LEADING


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
    paper.text(MARGIN, table.title, size=10, bold=True)
    paper.y -= LEADING + GAP
    _write_cells(paper, table, [(header.replace("_", " "),) for header in table.headers], is_head=True)
    paper.y -= GAP
    paper.rule()


def _write_row(paper: Paper, table: Table, row: Sequence[Cell]) -> None:
    top = paper.y
    _write_cells(paper, table, _lines(table, row), is_head=False)
    paper.y = top


def _write_cells(paper: Paper, table: Table, cells: Sequence[Sequence[str]], *, is_head: bool) -> None:
    top = paper.y
    for place, (lines, (left, right)) in enumerate(zip(cells, _edges(table), strict=True)):
        paper.y = top
        for line in lines:
            color = {"color": MUTED} if is_head else {}
            if place < table.text_columns:
                paper.text(left, line, size=SIZE, **color)
            else:
                paper.right_text(right, line, size=SIZE, **color)
            paper.y -= LEADING
    paper.y = top
