"""Statements as CSV (RFC 4180) in UTF-8."""

import csv
import io
from typing import IO

from reporting_service.statements.statement_schemas import Statement

COLUMNS = ("date", "description", "amount", "balance", "id")
_FORMULA_STARTS = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")


def write(statement: Statement, out: IO[bytes]) -> None:
    """Write a header row and a row for each entry. Amounts keep their signs and have no thousands separators."""
    text = statement.account.currency.to_text
    lines = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    rows = csv.writer(lines)
    rows.writerow(COLUMNS)
    for entry in statement.entries:
        amounts = text(entry.amount_minor), text(entry.balance_minor)
        rows.writerow((entry.day, formula_safe(entry.text), *amounts, entry.id))
    lines.detach()


def formula_safe(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula.

    Source: OWASP, CSV Injection. Tab and carriage return, which it also names, can't be in a description.
    """
    return f"'{text}" if text.lstrip()[:1] in _FORMULA_STARTS else text
