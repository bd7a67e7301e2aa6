"""Statements as ISO 20022 camt.053.001.08 (Bank to Customer Statement), which accounting programs import."""

from datetime import datetime
from typing import IO
from xml.sax.saxutils import escape

from reporting_service.statements.statement_schemas import Statement, StatementEntry, StatementPeriod
from shared.core.money import Currency

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
_MAX_ACCOUNT_NAME, _MAX_NAME, _MAX_TEXT, _MAX_CODE = 70, 140, 140, 35
_BOOKED, _INTERIM = "CLBD", "ITBD"


def write(statement: Statement, out: IO[bytes]) -> None:
    """Write a message with one statement. Entries are referred to by the ids of their transactions."""
    out.write(_head(statement).encode())
    for entry in statement.entries:
        out.write(_entry(entry, statement).encode())
    out.write(b"</Stmt>\n</BkToCstmrStmt>\n</Document>\n")


def _head(statement: Statement) -> str:
    period, account = statement.period, statement.account
    created = _time(statement.as_of, period)
    nickname = f"<Nm>{_text(account.nickname, _MAX_ACCOUNT_NAME)}</Nm>" if account.nickname else ""
    closing = _BOOKED if statement.is_final else _INTERIM
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="{NAMESPACE}">
<BkToCstmrStmt>
<GrpHdr><MsgId>{statement.id}</MsgId><CreDtTm>{created}</CreDtTm></GrpHdr>
<Stmt>
<Id>{statement.id}</Id><CreDtTm>{created}</CreDtTm>
<FrToDt><FrDtTm>{_time(period.start, period)}</FrDtTm><ToDtTm>{_time(period.last_instant, period)}</ToDtTm></FrToDt>
<Acct><Id><Othr><Id>{_text(account.number, _MAX_CODE - 1)}</Id></Othr></Id>\
<Tp><Prtry>{_text(account.account_type, _MAX_CODE)}</Prtry></Tp><Ccy>{account.currency.code}</Ccy>{nickname}\
<Ownr><Nm>{_text(statement.holder, _MAX_NAME)}</Nm></Ownr>\
<Svcr><FinInstnId><Nm>{_text(statement.bank.name, _MAX_NAME)}</Nm></FinInstnId></Svcr></Acct>
{_balance("OPBD", statement.opening_minor, period.start_date.isoformat(), account.currency)}
{_balance(closing, statement.closing_minor, period.end_date.isoformat(), account.currency)}
{_summary(statement)}
"""


def _balance(code: str, minor: int, day: str, currency: Currency) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{_amount(minor, currency)}<Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def _summary(statement: Statement) -> str:
    totals, text = statement.totals, statement.account.currency.to_text
    net_minor = totals.credit_minor - totals.debit_minor
    return (
        f"<TxsSummry><TtlNtries><NbOfNtries>{totals.count}</NbOfNtries>"
        f"<Sum>{text(totals.credit_minor + totals.debit_minor)}</Sum>"
        f"<TtlNetNtry><Amt>{text(abs(net_minor))}</Amt>{_indicator(net_minor)}</TtlNetNtry></TtlNtries>"
        f"<TtlCdtNtries><NbOfNtries>{totals.credits}</NbOfNtries><Sum>{text(totals.credit_minor)}</Sum></TtlCdtNtries>"
        f"<TtlDbtNtries><NbOfNtries>{totals.debits}</NbOfNtries><Sum>{text(totals.debit_minor)}</Sum></TtlDbtNtries>"
        "</TxsSummry>"
    )


def _entry(entry: StatementEntry, statement: Statement) -> str:
    reference = entry.id.replace("-", "")  # references have at most 35 characters
    is_reversal = "true" if entry.transaction_type == "reversal" else "false"
    return (
        f"<Ntry><NtryRef>{reference}</NtryRef>{_amount(entry.amount_minor, statement.account.currency)}"
        f"<RvslInd>{is_reversal}</RvslInd><Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt><DtTm>{_time(entry.booked_at, statement.period)}</DtTm></BookgDt>"
        f"<ValDt><Dt>{entry.day}</Dt></ValDt><AcctSvcrRef>{reference}</AcctSvcrRef>"
        f"<BkTxCd><Prtry><Cd>{_text(entry.transaction_type, _MAX_CODE)}</Cd></Prtry></BkTxCd>"
        f"<NtryDtls><TxDtls><Refs><AcctSvcrRef>{reference}</AcctSvcrRef></Refs>"
        f"{_other_side(entry)}{_remittance(entry)}</TxDtls></NtryDtls>"
        f"<AddtlNtryInf>{escape(entry.title)}</AddtlNtryInf></Ntry>\n"
    )


def _other_side(entry: StatementEntry) -> str:
    if not entry.other_number:
        return ""
    side = "Cdtr" if entry.amount_minor < 0 else "Dbtr"
    name = f"<{side}><Pty><Nm>{_text(entry.other_name, _MAX_NAME)}</Nm></Pty></{side}>" if entry.other_name else ""
    number = _text(entry.other_number, _MAX_CODE - 1)
    return f"<RltdPties>{name}<{side}Acct><Id><Othr><Id>{number}</Id></Othr></Id></{side}Acct></RltdPties>"


def _remittance(entry: StatementEntry) -> str:
    """Return the payer's description, in as many parts as its length needs."""
    if not entry.description:
        return ""
    parts = (entry.description[at : at + _MAX_TEXT] for at in range(0, len(entry.description), _MAX_TEXT))
    return f"<RmtInf>{''.join(f'<Ustrd>{escape(part)}</Ustrd>' for part in parts)}</RmtInf>"


def _amount(minor: int, currency: Currency) -> str:
    return f'<Amt Ccy="{currency.code}">{currency.to_text(abs(minor))}</Amt>{_indicator(minor)}'


def _indicator(minor: int) -> str:
    return f"<CdtDbtInd>{'DBIT' if minor < 0 else 'CRDT'}</CdtDbtInd>"


def _text(text: str, most: int) -> str:
    return escape(text[:most])


def _time(instant: datetime, period: StatementPeriod) -> str:
    """Format an instant with the offset of the statement's time zone."""
    return instant.astimezone(period.zone).isoformat(timespec="microseconds")
