"""Statements as OFX 2.2 (Open Financial Exchange), which personal finance programs import."""

from datetime import UTC, datetime
from typing import IO
from xml.sax.saxutils import escape

from reporting_service.statements.statement_schemas import Statement, StatementEntry
from shared.core.money import Currency

_ACCOUNT_TYPES = {"checking": "CHECKING", "savings": "SAVINGS", "investment": "MONEYMRKT", "fixed_deposit": "CD"}
_ENTRY_TYPES = {"deposit": "DEP", "transfer": "XFER"}
_MAX_NAME, _MAX_MEMO, _MAX_ORG = 32, 255, 32


def write(statement: Statement, out: IO[bytes]) -> None:
    """Write a bank statement response.

    A FITID is the id of the transaction, so a program that imports overlapping statements sees each entry once.
    """
    out.write(_head(statement).encode())
    for entry in statement.entries:
        out.write(_entry(entry, statement.account.currency).encode())
    out.write(_foot(statement).encode())


def _head(statement: Statement) -> str:
    account, period = statement.account, statement.period
    organization = escape(statement.bank.name[:_MAX_ORG])
    return f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<?OFX OFXHEADER="200" VERSION="220" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>
<OFX>
<SIGNONMSGSRSV1><SONRS>
<STATUS><CODE>0</CODE><SEVERITY>INFO</SEVERITY></STATUS>
<DTSERVER>{_time(statement.as_of)}</DTSERVER><LANGUAGE>ENG</LANGUAGE>
<FI><ORG>{organization}</ORG></FI>
</SONRS></SIGNONMSGSRSV1>
<BANKMSGSRSV1><STMTTRNRS>
<TRNUID>0</TRNUID>
<STATUS><CODE>0</CODE><SEVERITY>INFO</SEVERITY></STATUS>
<STMTRS>
<CURDEF>{account.currency.code}</CURDEF>
<BANKACCTFROM><BANKID>{_bank_id(statement)}</BANKID><ACCTID>{escape(account.number)}</ACCTID>\
<ACCTTYPE>{_ACCOUNT_TYPES.get(account.account_type, "CHECKING")}</ACCTTYPE></BANKACCTFROM>
<BANKTRANLIST>
<DTSTART>{_time(period.start)}</DTSTART><DTEND>{_time(period.last_instant)}</DTEND>
"""


def _bank_id(statement: Statement) -> str:
    """Return the bank's name as the required routing number, which this bank has none of: up to nine letters."""
    letters = "".join(letter for letter in statement.bank.name.upper() if letter.isascii() and letter.isalnum())
    return letters[:9] or "BANK"


def _entry(entry: StatementEntry, currency: Currency) -> str:
    kind = _ENTRY_TYPES.get(entry.transaction_type, "CREDIT" if entry.amount_minor > 0 else "DEBIT")
    memo = f"<MEMO>{escape(entry.description[:_MAX_MEMO])}</MEMO>" if entry.description else ""
    return (
        f"<STMTTRN><TRNTYPE>{kind}</TRNTYPE><DTPOSTED>{_time(entry.booked_at)}</DTPOSTED>"
        f"<TRNAMT>{currency.to_text(entry.amount_minor)}</TRNAMT><FITID>{entry.id}</FITID>"
        f"<NAME>{escape((entry.other_name or entry.title)[:_MAX_NAME])}</NAME>{memo}</STMTTRN>\n"
    )


def _foot(statement: Statement) -> str:
    balance = statement.account.currency.to_text(statement.closing_minor)
    return f"""</BANKTRANLIST>
<LEDGERBAL><BALAMT>{balance}</BALAMT><DTASOF>{_time(statement.as_of)}</DTASOF></LEDGERBAL>
</STMTRS>
</STMTTRNRS></BANKMSGSRSV1>
</OFX>
"""


def _time(instant: datetime) -> str:
    """Format an instant: 20260131120000.000[0:GMT]. OFX has milliseconds; what is below is cut off."""
    in_utc = instant.astimezone(UTC)
    return f"{in_utc.year:04d}{in_utc:%m%d%H%M%S}.{in_utc.microsecond // 1000:03d}[0:GMT]"
