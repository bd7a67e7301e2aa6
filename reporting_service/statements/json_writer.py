"""Statements as JSON, in the form of every success of the API."""

from typing import IO

from pydantic_core import to_json

from reporting_service.statements.statement_schemas import (
    AccountOnStatement,
    PeriodOnStatement,
    Statement,
    StatementHead,
)


def write(statement: Statement, out: IO[bytes]) -> None:
    """Write a statement, entry by entry."""
    text = statement.account.currency.to_text
    head = to_json({"success": True, "statement": _head(statement)}).removesuffix(b"}}")
    out.write(head + b',"entries":[')
    separator = b""
    for entry in statement.entries:
        row = {
            "id": entry.id,
            "date": entry.day,
            "description": entry.text,
            "counterparty": entry.other_name,
            "amount": text(entry.amount_minor),
            "balance": text(entry.balance_minor),
        }
        out.write(separator + to_json(row))
        separator = b","
    out.write(b"]}}")


def _head(statement: Statement) -> StatementHead:
    account, period, totals = statement.account, statement.period, statement.totals
    text = account.currency.to_text
    return StatementHead(
        account=AccountOnStatement(
            id=account.id,
            account_number=account.number,
            account_type=account.account_type,
            nickname=account.nickname,
            currency=account.currency.code,
        ),
        holder=statement.holder,
        period=PeriodOnStatement(start_date=period.start_date, end_date=period.end_date, time_zone=period.zone.key),
        as_of=statement.as_of,
        is_final=statement.is_final,
        opening_balance=text(statement.opening_minor),
        closing_balance=text(statement.closing_minor),
        income=text(totals.income_minor),
        expense=text(totals.expense_minor),
        net=text(totals.net_minor),
        count=totals.count,
    )
