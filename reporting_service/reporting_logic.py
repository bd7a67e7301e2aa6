"""The rules of reports: what they count, who may see them, and when they are stored."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from reporting_service.reporting_clients import AccountClient, AuthClient, TransactionClient
from reporting_service.reporting_models import Report
from reporting_service.reporting_schemas import (
    AccountCounts,
    AccountReportData,
    AnyReportData,
    BalancePoint,
    HistoryRow,
    Period,
    ReportQuery,
    ReportType,
    Summary,
    SystemReportData,
    TransactionReportData,
)
from reporting_service.reporting_storage import ReportStorage
from shared.concurrency.context_pool import ContextPool
from shared.core.clock import now
from shared.core.errors import InvalidRequest, NotFound, ServiceUnavailable
from shared.core.money import Currency
from shared.db.outages import rerun_when_aborted
from shared.web import cursors
from shared.web.access import Caller
from shared.web.cursors import Page, Pagination

DEFAULT_DAYS = 30
MAX_DAYS = 10 * 366
HISTORY_ROWS = 1_000
ENTRIES_AHEAD = 200
SAME_REPORT_SECONDS = 60
MAX_PAGE_BYTES = 2_000_000
READING_PAUSES_SECONDS = (0, 0.1, 0.3)


class StillSettling(ServiceUnavailable):
    """The ledger has an entry whose transaction is not completed yet, so the figures would not fit together."""

    message = "A transaction on this account is being settled. Please try again in a moment."


@dataclass(frozen=True)
class Sources:
    """What reports are made of; independent calls are made side by side."""

    auth: AuthClient
    accounts: AccountClient
    transactions: TransactionClient
    context_pool: ContextPool


def report_account(
    storage: ReportStorage, sources: Sources, caller: Caller, account_id: UUID, query: ReportQuery
) -> Report:
    """A report on an account of the caller's, for staff on anybody's. Raises NotFound, or ServiceUnavailable."""
    period = _period(query)
    data = _account_data(sources, caller, account_id, period)
    subject = f"Account report {data.account.account_number}"
    report = _report(caller, "account", data, subject=subject, account_id=str(account_id))
    return _store(storage, report) if query.save else report


def report_transactions(storage: ReportStorage, sources: Sources, caller: Caller, query: ReportQuery) -> Report:
    """A report on all transactions of the caller. Raises ServiceUnavailable."""
    period = _period(query)
    summary = sources.transactions.summary(caller.token, period)
    data = TransactionReportData(period=period, **dict(summary))
    report = _report(caller, "transaction", data, subject="Transaction report")
    return _store(storage, report) if query.save else report


def report_system(storage: ReportStorage, sources: Sources, caller: Caller, query: ReportQuery) -> Report:
    """A report on the whole bank. Raises ServiceUnavailable."""
    period = _period(query)
    users = sources.context_pool.submit(sources.auth.statistics)
    accounts = sources.context_pool.submit(sources.accounts.statistics)
    transactions = sources.transactions.statistics(period)
    counts = accounts.result()
    data = SystemReportData(
        period=period,
        users=users.result(),
        accounts=AccountCounts(total=counts.total, by_type=counts.by_type, by_status=counts.by_status),
        total_balance=counts.total_balance,
        transactions=transactions,
    )
    report = _report(caller, "system", data, subject="System report")
    return _store(storage, report) if query.save else report


def details(storage: ReportStorage, caller: Caller, report_id: UUID) -> Report:
    """A report of the caller's, for an admin anybody's. Raises NotFound."""
    report = storage.find_report(report_id)
    if report is None or not (report.user_id == caller.user_id or caller.role == "admin"):
        raise NotFound("There is no such report.")
    return report


def list_reports(storage: ReportStorage, page: Page, user_id: UUID | None = None) -> tuple[list[Report], Pagination]:
    """A page of one user's reports, or of all, newest first."""
    before = cursors.decode(page.cursor, datetime, UUID)
    reports, more = storage.list_reports(user_id=user_id, limit=page.limit, max_bytes=MAX_PAGE_BYTES, before=before)
    next_cursor = cursors.encode(reports[-1].created_at, reports[-1].id) if more else None
    return reports, Pagination(limit=page.limit, next_cursor=next_cursor)


def _period(query: ReportQuery) -> Period:
    end = query.end_date or now().date()
    start = query.start_date or end - min(timedelta(days=DEFAULT_DAYS - 1), end - date.min)
    period = Period(start_date=start, end_date=end)
    if start > end:
        raise InvalidRequest(details={"start_date": "must not be after end_date"})
    if period.length_days > MAX_DAYS:
        raise InvalidRequest(details={"start_date": "must be at most ten years before end_date"})
    return period


def _account_data(sources: Sources, caller: Caller, account_id: UUID, period: Period) -> AccountReportData:
    for pause_seconds in READING_PAUSES_SECONDS:
        time.sleep(pause_seconds)
        data = _read_account(sources, caller.token, account_id, period)
        if data:
            return data
    raise StillSettling(retry_after_seconds=1)


def _read_account(sources: Sources, token: str, account_id: UUID, period: Period) -> AccountReportData | None:
    """An account's report, or None when the ledger and the transactions do not agree at this moment."""
    submit, accounts = sources.context_pool.submit, sources.accounts
    before = submit(accounts.balance_before, token, account_id, period.start_date)
    summed = submit(sources.transactions.summary, token, period, account_id)
    account = accounts.account(token, account_id)
    currency, summary = Currency.of(account.currency), summed.result()
    # Only now, so that the ledger has at least what the summary counts.
    entries = accounts.entries(token, account_id, period, at_most=HISTORY_ROWS + ENTRIES_AHEAD)
    opening_minor = currency.from_text(before.result() or currency.to_text(0))
    opening, closing = (
        currency.to_text(minor) for minor in (opening_minor, opening_minor + currency.from_text(summary.net))
    )
    history = _settled(entries, summary.count, opening, closing)
    if history is None:
        return None
    return AccountReportData(
        account=account,
        period=period,
        opening_balance=opening,
        closing_balance=closing,
        income=summary.income,
        expense=summary.expense,
        net=summary.net,
        count=summary.count,
        by_type=summary.by_type,
        history=history,
        balance_trend=_balance_trend(currency, opening_minor, period, summary),
    )


def _settled(entries: Sequence[HistoryRow], count: int, opening: str, closing: str) -> Sequence[HistoryRow] | None:
    """The newest entries among those that the summary counts, or None if these can't be told.

    The ledger may be ahead by a few entries whose transactions are being completed right now.
    """
    if len(entries) < HISTORY_ROWS + ENTRIES_AHEAD:
        ahead = len(entries) - count
    else:  # there are more entries than were read, so that they can't be counted
        ahead = next((index for index, entry in enumerate(entries) if entry.balance_after == closing), -1)
    if ahead < 0:
        return None
    settled = entries[ahead : ahead + HISTORY_ROWS]
    return settled if (settled[0].balance_after if settled else opening) == closing else None


def _balance_trend(currency: Currency, opening_minor: int, period: Period, summary: Summary) -> list[BalancePoint]:
    change_minor = {
        day.date: currency.from_text(day.income) - currency.from_text(day.expense) for day in summary.by_day
    }
    balance_minor = opening_minor
    trend = []
    for day in period.days:
        balance_minor += change_minor.get(day, 0)
        trend.append(BalancePoint(date=day, balance=currency.to_text(balance_minor)))
    return trend


def _report(caller: Caller, report_type: ReportType, data: AnyReportData, *, subject: str, **parameters: str) -> Report:
    """A report that is not stored: without an id, and the first edition of its content."""
    start, end = str(data.period.start_date), str(data.period.end_date)
    parameters |= {"start_date": start, "end_date": end}
    report_data = data.model_dump(mode="json")
    content = json.dumps(report_data, sort_keys=True)
    identity = json.dumps([str(caller.user_id), report_type, parameters, content])
    return Report(
        user_id=caller.user_id,
        report_type=report_type,
        title=f"{subject}, {start} to {end}",
        parameters=parameters,
        report_data=report_data,
        size_bytes=len(content),
        digest=hashlib.sha256(identity.encode()).hexdigest(),
        edition=1,
        created_at=now(),
    )


@rerun_when_aborted
def _store(storage: ReportStorage, report: Report) -> Report:
    """Store a report, or return the one that the same person stored from the same data within the last minute."""
    with storage.transaction():
        last = storage.find_last_edition(report.digest)
        if last and (report.created_at - last.created_at).total_seconds() < SAME_REPORT_SECONDS:
            return last
        report.edition = last.edition + 1 if last else 1
        storage.add_report(report)
        return report
