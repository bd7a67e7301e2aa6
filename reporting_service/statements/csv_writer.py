"""Statements as CSV (RFC 4180) in UTF-8."""

from typing import IO

from reporting_service.documents.csv_writer import csv_rows
from reporting_service.statements.statement_schemas import Statement
from shared.core.texts import formula_safe

COLUMNS = ("date", "description", "amount", "balance", "id")


def write(statement: Statement, out: IO[bytes]) -> None:
    """Write a header row and a row for each entry. Amounts keep their signs and have no thousands separators."""
    text = statement.account.currency.to_text
    with csv_rows(out) as rows:
        rows.writerow(COLUMNS)
        for entry in statement.entries:
            amounts = text(entry.amount_minor), text(entry.balance_minor)
            rows.writerow((entry.day, formula_safe(entry.text), *amounts, entry.id))
