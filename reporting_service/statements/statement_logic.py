"""The rules of statements: their period, that their figures tie out, and which of them are kept."""

import logging
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any, NamedTuple, cast
from uuid import UUID

from reporting_service.documents.document_schemas import Bank
from reporting_service.documents.document_storage import Document, make_document
from reporting_service.reporting_logic import Sources
from reporting_service.reporting_models import KeptStatement
from reporting_service.statements import camt053_writer, csv_writer, json_writer, ofx_writer, pdf_writer
from reporting_service.statements.statement_clients import EntryClient
from reporting_service.statements.statement_schemas import (
    Statement,
    StatementAccount,
    StatementEntry,
    StatementFormat,
    StatementPeriod,
    StatementQuery,
    Totals,
)
from reporting_service.statements.statement_storage import EntryFile, KeptStatementStorage
from shared.core.clock import now
from shared.core.errors import AppError, InvalidRequest
from shared.core.texts import masked
from shared.core.time_zones import LAST_INSTANT, day_end, day_of, day_start, last_of_month
from shared.db.outages import rerun_when_aborted
from shared.db.outbox import Outbox
from shared.web import audit_trail
from shared.web.access import Caller

MAX_DAYS = 10 * 366
MAX_ZONES = 8
SETTLED_AFTER = timedelta(minutes=2)
"""How long after its end a period counts as final; decisions of its last moment may still be committing until then."""
_log = logging.getLogger(__name__)


class DoesNotTieOut(AppError):
    """The opening balance and the entries do not make the closing balance, so no statement is shown."""

    message = "The figures of this statement do not add up, so it is not shown. Please contact the bank."


class Format(NamedTuple):
    """A format: its content type, the ending of its file names, and its writer."""

    content_type: str
    suffix: str
    write: Callable[[Statement, IO[bytes]], None]


FORMATS: dict[StatementFormat, Format] = {
    "json": Format("application/json", "json", json_writer.write),
    "pdf": Format("application/pdf", "pdf", pdf_writer.write),
    "csv": Format("text/csv; charset=utf-8", "csv", csv_writer.write),
    "ofx": Format("application/x-ofx", "ofx", ofx_writer.write),
    "camt053": Format("application/xml", "camt053.xml", camt053_writer.write),
}


@dataclass(frozen=True)
class StatementTools:
    """The storage, the clients, and the bank as documents name it."""

    kept: KeptStatementStorage
    sources: Sources
    entries: EntryClient
    bank: Bank
    outbox: Outbox


def make_statement(tools: StatementTools, caller: Caller, account_id: UUID, query: StatementQuery) -> Document:
    """Return the statement of an account of the caller, or of any account for staff.

    That of a month which is over is kept, and its bytes are the same every time. Raises InvalidRequest, NotFound,
    ServiceUnavailable, or DoesNotTieOut.
    """
    at = now()
    period = to_period(query, at)
    account, owner_id = tools.entries.statement_account(caller.token, account_id, caller.user_id)
    if caller.is_staff and caller.user_id != owner_id:
        details = {"account": masked(account.number), "period": period.label, "format": query.format}
        audit_trail.record(tools.outbox, "statement.export", actor=caller, subject_id=owner_id, details=details)
    name = f"statement-{account.number[-4:]}-{period.label}.{FORMATS[query.format].suffix}"
    is_over = period.end + SETTLED_AFTER <= at
    key = _key(account, period, query.format) if period.month and is_over else None
    if key and (kept := tools.kept.find(**key)):
        return _read_kept(tools.kept, kept, name)
    is_final = is_over and not tools.sources.transactions.has_pending(
        caller.token, account_id, period.start, period.last_instant
    )
    holder = tools.sources.auth.name(owner_id)
    with closing(EntryFile()) as entries:
        statement = _read(tools, caller, account, period, entries, holder=holder, is_final=is_final)
        document = _write(statement, query.format, name)
    if not (key and is_final):
        return document
    kept = _keep(tools.kept, key, document)
    if kept is None or kept.digest == document.digest:
        return document
    document.file.close()
    return _read_kept(tools.kept, kept, name)


def to_period(query: StatementQuery, at: datetime) -> StatementPeriod:
    """Return the period of a query at the instant `at`. Raises InvalidRequest naming the parameter at fault."""
    today, zone = day_of(at, query.tz), query.tz
    if query.month:
        _require(query.since is None and query.until is None, "month", "can't be given together with from and to")
        _require(query.month <= today, "month", "must not be in the future")
        start, end = day_start(query.month, zone), day_end(last_of_month(query.month), zone)
        return StatementPeriod(start, end, zone, month=f"{query.month:%Y-%m}")
    since, until = query.since, query.until
    if since is None and until is None:
        raise InvalidRequest.of("month", "is required, unless from and to are given")
    if since is None:
        raise InvalidRequest.of("from", "is required together with to")
    if until is None:
        raise InvalidRequest.of("to", "is required together with from")
    start = since if isinstance(since, datetime) else day_start(since, zone)
    end = _after(until) if isinstance(until, datetime) else day_end(until, zone)
    _require(start < end, "from", "must not be after to")
    _require(start <= at, "from", "must not be in the future")
    _require(end - start <= timedelta(days=MAX_DAYS), "from", "must be at most ten years before to")
    return StatementPeriod(start, end, zone)


def _require(holds: bool, field: str, reason: str) -> None:
    if not holds:
        raise InvalidRequest.of(field, reason)


def _after(instant: datetime) -> datetime:
    """Return the first instant after one that is included, or the last datetime."""
    return min(instant, LAST_INSTANT - datetime.resolution) + datetime.resolution


def _read(
    tools: StatementTools,
    caller: Caller,
    account: StatementAccount,
    period: StatementPeriod,
    entries: EntryFile,
    *,
    holder: str,
    is_final: bool,
) -> Statement:
    """Read a statement, its entries into a file, and check that it ties out. Raises DoesNotTieOut.

    All figures are of the moment at which the newest entry of the period is read: what is booked afterwards is left
    out.
    """
    currency, token = account.currency, caller.token
    before, newest = (tools.entries.last_before(token, account.id, at) for at in (period.start, period.end))
    opening_minor, closing_minor = (currency.from_text(row.balance_after) if row else 0 for row in (before, newest))
    totals, as_of = Totals(), period.start
    if newest and newest != before:
        source = tools.entries.statement_entries(token, account, period)
        totals = _copy_until(str(newest.transaction_id), source, entries, opening_minor)
        as_of = newest.timestamp
    if opening_minor + totals.net_minor != closing_minor:
        _log.error("the statement of account %s for %s does not tie out", account.id, period.label)
        raise DoesNotTieOut
    return Statement(
        bank=tools.bank,
        holder=holder,
        account=account,
        period=period,
        as_of=period.last_instant if is_final else as_of,
        is_final=is_final,
        opening_minor=opening_minor,
        closing_minor=closing_minor,
        totals=totals,
        entries=entries,
    )


def _copy_until(last_id: str, source: Iterable[StatementEntry], entries: EntryFile, opening_minor: int) -> Totals:
    """Copy entries up to the one with `last_id`, and return their sums.

    Raises DoesNotTieOut for an entry whose balance is not the one before it plus its amount.
    """
    totals, balance_minor = Totals(), opening_minor
    for entry in source:
        balance_minor += entry.amount_minor
        if balance_minor != entry.balance_minor:
            raise DoesNotTieOut
        totals.add(entry)
        entries.add(entry)
        if entry.id == last_id:
            break
    return totals


def _write(statement: Statement, format_name: StatementFormat, name: str) -> Document:
    form = FORMATS[format_name]
    return make_document(lambda file: form.write(statement, file), form.content_type, name)


def _key(account: StatementAccount, period: StatementPeriod, format_name: StatementFormat) -> dict[str, Any]:
    """Return the values of the unique constraint of kept statements."""
    return {
        "account_id": account.id,
        "month": period.month,
        "time_zone": period.zone.key,
        "format": format_name,
        "shows_number": account.is_own,
    }


@rerun_when_aborted
def _keep(storage: KeptStatementStorage, key: dict[str, Any], document: Document) -> KeptStatement | None:
    """Keep a document, or return the one that another request has kept meanwhile.

    Return None when the month is kept in enough time zones, since a caller could name hundreds to fill the disk.
    """
    with storage.transaction():
        if kept := storage.find(**key):
            return kept
        if storage.count_zones(key["account_id"], key["month"], besides=key["time_zone"]) >= MAX_ZONES:
            return None
        kept = KeptStatement(**key, digest=document.digest, size_bytes=document.size_bytes, created_at=now())
        storage.add(kept, document.file)
        document.file.seek(0)
        return kept


def _read_kept(storage: KeptStatementStorage, kept: KeptStatement, name: str) -> Document:
    """Return a kept document as it was first sent. Raises DoesNotTieOut if its bytes are not those any more."""
    content_type = FORMATS[cast(StatementFormat, kept.format)].content_type
    document = make_document(lambda file: storage.copy_bytes(kept.id, file), content_type, name)
    if document.digest != kept.digest:
        _log.error("the kept statement %s is damaged", kept.id)
        raise DoesNotTieOut
    return document
