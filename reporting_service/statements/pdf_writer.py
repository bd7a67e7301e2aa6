"""Statements as PDF, as a bank sends them: who and what, a summary, and a table with the running balance."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import IO, NamedTuple

from reporting_service.documents.page_writer import (
    FOOT,
    HEIGHT,
    INK,
    MARGIN,
    MUTED,
    RIGHT,
    Paper,
    wrapped,
)
from reporting_service.statements.statement_schemas import Statement, StatementEntry, StatementPeriod
from shared.core.money import Currency

DATE_X, TEXT_X, AMOUNT_X, BALANCE_X = MARGIN + 4, MARGIN + 74, RIGHT - 96, RIGHT - 4
TEXT_WIDTH = AMOUNT_X - 84 - TEXT_X
SIZE, LEADING, GAP = 8.5, 11.0, 5.0
FIRST_TOP, TOP = HEIGHT - 368, HEIGHT - MARGIN - 54
_MAX_LINES = 5


class _Row(NamedTuple):
    """A row of the table on its page. `lines` are those of its text."""

    page: int
    lines: tuple[str, ...]
    entry: StatementEntry

    @property
    def height(self) -> float:
        return len(self.lines) * LEADING + GAP


def write(statement: Statement, out: IO[bytes]) -> None:
    """Write a statement. The entries are read twice: first to count the pages."""
    pages = 1
    for row in _rows(statement):
        pages = row.page
    subject = f"Statement {statement.id}"
    paper = Paper(out, statement.bank, title=_title(statement), subject=subject, at=statement.as_of)
    _first_head(paper, statement)
    with paper.element("Table"):
        _write_table(paper, statement, pages)
    paper.end_page(pages, pages)
    paper.finish()


def _write_table(paper: Paper, statement: Statement, pages: int) -> None:
    period, currency = statement.period, statement.account.currency
    paper.y = FIRST_TOP + LEADING + GAP + 8
    _table_head(paper)
    _write_balance(paper, "Opening balance", statement.opening_minor, period.start_date, currency)
    paper.y, page = FIRST_TOP, 1
    for row in _rows(statement):
        if row.page > page:
            paper.end_page(page, pages)
            page = row.page
            with paper.artifact():
                _next_head(paper, statement, row.entry)
        _write_row(paper, row, currency)
    paper.y -= LEADING
    _write_balance(paper, "Closing balance", statement.closing_minor, period.end_date, currency)


def grouped(currency: Currency, minor: int) -> str:
    """Format minor units with commas between thousands: -123456 → "-1,234.56"."""
    return currency.write(Decimal(minor).scaleb(-currency.decimals), grouped=True)


@lru_cache
def day_text(day: date) -> str:
    """Format a day: 31 Jan 2026."""
    return f"{day.day} {day:%b} {day.year}"


def _title(statement: Statement) -> str:
    return f"Statement of account {statement.account.number}, {_days(statement.period)}"


def _days(period: StatementPeriod) -> str:
    return f"{day_text(period.start_date)} to {day_text(period.end_date)}"


def _rows(statement: Statement) -> Iterator[_Row]:
    """Yield the rows with the numbers of their pages. Below the last row there is room for the closing balance."""
    page, y = 1, FIRST_TOP
    for entry in statement.entries:
        row = _Row(page, _lines(entry), entry)
        if y - row.height < FOOT + 2 * LEADING + GAP:
            page, y = page + 1, TOP
        yield row._replace(page=page)
        y -= row.height


def _lines(entry: StatementEntry) -> tuple[str, ...]:
    lines = wrapped(entry.title, TEXT_WIDTH, SIZE, 1)
    return lines + wrapped(entry.description, TEXT_WIDTH, SIZE, _MAX_LINES) if entry.description else lines


def _first_head(paper: Paper, statement: Statement) -> None:
    account, period = statement.account, statement.period
    paper.bank_block("Account statement")
    paper.y = HEIGHT - 158
    with paper.element("P"):
        for line in wrapped(statement.holder, 230, 11, 3):
            paper.text(MARGIN, line, size=11)
            paper.y -= 14
    facts = {
        "Account number": account.number,
        "Account": _kind(statement),
        "Currency": account.currency.code,
        "Period": _days(period),
        "Time zone": period.zone.key,
        "Statement": _state(statement),
    }
    paper.y = HEIGHT - 158
    with paper.element("Table"):
        for label, value in facts.items():
            with paper.element("TR"):
                paper.cell(MARGIN + 250, label, scope="Row", color=MUTED)
                with paper.element("TD"):
                    for line in wrapped(value, RIGHT - MARGIN - 340, 9, 2):
                        paper.text(MARGIN + 340, line)
                        paper.y -= 12  # so that nine lines, the most that there can be, end above the summary
    _summary(paper, statement)


def _kind(statement: Statement) -> str:
    kind = statement.account.account_type.replace("_", " ").capitalize()
    return f"{kind}, {statement.account.nickname}" if statement.account.nickname else kind


def _state(statement: Statement) -> str:
    moment = statement.as_of.astimezone(statement.period.zone)
    if statement.is_final:
        return "Final"
    return f"Not final: as of {day_text(moment.date())}, {moment:%H:%M:%S}"


def _summary(paper: Paper, statement: Statement) -> None:
    """Write the sums: a reversal lowers what it takes back or gives back (see Totals)."""
    currency, totals = statement.account.currency, statement.totals
    sums = (
        ("Opening balance", statement.opening_minor),
        ("Money in", totals.income_minor),
        ("Money out", -totals.expense_minor),
        ("Closing balance", statement.closing_minor),
    )
    paper.y = HEIGHT - 262
    paper.shade(46)
    edges = [MARGIN + (number + 1) * (RIGHT - MARGIN) / len(sums) - 8 for number in range(len(sums))]
    with paper.element("Table"):
        paper.y = HEIGHT - 280
        with paper.element("TR"):
            for x, (label, _) in zip(edges, sums, strict=True):
                paper.cell(x, label, ends=True, scope="Column", size=8, color=MUTED)
        paper.y -= 17
        with paper.element("TR"):
            for x, (label, minor) in zip(edges, sums, strict=True):
                paper.cell(x, grouped(currency, minor), ends=True, size=10.5, bold=label == "Closing balance")
    paper.y = HEIGHT - 322
    noun = "entry" if totals.count == 1 else "entries"
    with paper.element("P"):
        paper.text(MARGIN, f"{totals.count:,} {noun} in {currency.code}", size=8, color=MUTED)


def _next_head(paper: Paper, statement: Statement, entry: StatementEntry) -> None:
    """Write the head of a further page, with the balance that its first entry begins with."""
    currency = statement.account.currency
    paper.y = HEIGHT - MARGIN - 8
    paper.text(MARGIN, f"Account {statement.account.number}", color=MUTED)
    paper.text(RIGHT, _days(statement.period), ends=True, color=MUTED)
    paper.y = TOP + LEADING + GAP + 8
    _table_head(paper)
    before_minor = entry.balance_minor - entry.amount_minor
    _write_balance(paper, "Balance brought forward", before_minor, entry.day, currency)
    paper.y = TOP


def _table_head(paper: Paper) -> None:
    with paper.element("TR"):
        paper.cell(DATE_X, "Date", scope="Column", size=8, color=MUTED)
        paper.cell(TEXT_X, "Description", scope="Column", size=8, color=MUTED)
        paper.cell(AMOUNT_X, "Amount", ends=True, scope="Column", size=8, color=MUTED)
        paper.cell(BALANCE_X, "Balance", ends=True, scope="Column", size=8, color=MUTED)
    paper.y -= 5
    paper.rule()
    paper.y -= LEADING


def _write_balance(paper: Paper, label: str, minor: int, day: date, currency: Currency) -> None:
    with paper.element("TR"):
        paper.cell(DATE_X, day_text(day), size=SIZE, bold=True)
        paper.cell(TEXT_X, label, size=SIZE, bold=True)
        paper.cell(AMOUNT_X, "")
        paper.cell(BALANCE_X, grouped(currency, minor), ends=True, size=SIZE, bold=True)


def _write_row(paper: Paper, row: _Row, currency: Currency) -> None:
    entry = row.entry
    paper.y -= LEADING
    top = paper.y
    with paper.element("TR"):
        paper.cell(DATE_X, day_text(entry.day), size=SIZE)
        with paper.element("TD"):
            for number, line in enumerate(row.lines):
                paper.text(TEXT_X, line, size=SIZE, color=MUTED if number else INK)
                paper.y -= LEADING
        bottom, paper.y = paper.y, top
        paper.cell(AMOUNT_X, grouped(currency, entry.amount_minor), ends=True, size=SIZE)
        paper.cell(BALANCE_X, grouped(currency, entry.balance_minor), ends=True, size=SIZE)
    paper.y = bottom + LEADING - GAP + 1
    paper.rule()
    paper.y -= 1
