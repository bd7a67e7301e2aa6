"""The rules of reports: which data they contain, who may see them, and when they are stored."""

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
from shared.web import audit_trail, cursors
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
    """The ledger has an entry whose transaction is not projected yet, so entries and sums are inconsistent."""

    message = "A transaction on this account is being settled. Please try again in a moment."


@dataclass(frozen=True)
class Sources:
    """The clients that reports read from, and the thread pool for concurrent calls."""

    auth: AuthClient
    accounts: AccountClient
    transactions: TransactionClient
    context_pool: ContextPool


def report_account(
    storage: ReportStorage, sources: Sources, caller: Caller, account_id: UUID, query: ReportQuery
) -> Report:
    """Make a report on an account of the caller, or on any account for staff.

    It is stored unless `query.save` is false. Raises InvalidRequest, NotFound, or ServiceUnavailable.
    """
    period = _to_period(query)
    data = _read_consistent_account(sources, caller, account_id, period)
    subject = f"Account report {data.account.account_number}"
    report = _make_report(caller, "account", data, subject=subject, account_id=str(account_id))
    return _store(storage, report) if query.save else report


def report_transactions(storage: ReportStorage, sources: Sources, caller: Caller, query: ReportQuery) -> Report:
    """Make a report on all transactions of the caller. Raises InvalidRequest or ServiceUnavailable."""
    period = _to_period(query)
    summary = sources.transactions.summary(caller.token, period)
    data = TransactionReportData(period=period, **dict(summary))
    report = _make_report(caller, "transaction", data, subject="Transaction report")
    return _store(storage, report) if query.save else report


def report_system(storage: ReportStorage, sources: Sources, caller: Caller, query: ReportQuery) -> Report:
    """Make a report on the whole bank. Raises InvalidRequest or ServiceUnavailable."""
    period = _to_period(query)
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
    report = _make_report(caller, "system", data, subject="System report")
    return _store(storage, report) if query.save else report


def details(storage: ReportStorage, caller: Caller, report_id: UUID) -> Report:
    """Return a stored report of the caller, or any report for an admin. Raises NotFound."""
    report = storage.find_report(report_id)
    if report is None or not (report.user_id == caller.user_id or caller.role == "admin"):
        raise NotFound("There is no such report.")
    audit_trail.record_view(storage.outbox, "view.report", caller, report.user_id, report_id=str(report.id))
    return report


def list_reports(storage: ReportStorage, page: Page, user_id: UUID | None = None) -> tuple[list[Report], Pagination]:
    """Return a page of one user's stored reports, or of all, newest first."""
    before = cursors.decode(page.cursor, datetime, UUID)
    reports, more = storage.list_reports(user_id=user_id, limit=page.limit, max_bytes=MAX_PAGE_BYTES, before=before)
    next_cursor = cursors.encode(reports[-1].created_at, reports[-1].id) if more else None
    return reports, Pagination(limit=page.limit, next_cursor=next_cursor)


def _to_period(query: ReportQuery) -> Period:
    """Return the period with its defaults filled in. Raises InvalidRequest if it is reversed or too long."""
    end = query.end_date or now().date()
    start = query.start_date or end - min(timedelta(days=DEFAULT_DAYS - 1), end - date.min)
    period = Period(start_date=start, end_date=end)
    if start > end:
        raise InvalidRequest(details={"start_date": "must not be after end_date"})
    if period.length_days > MAX_DAYS:
        raise InvalidRequest(details={"start_date": "must be at most ten years before end_date"})
    return period


def _read_consistent_account(sources: Sources, caller: Caller, account_id: UUID, period: Period) -> AccountReportData:
    """Read an account until its entries and sums are consistent. Raises StillSettling after the last attempt."""
    for pause_seconds in READING_PAUSES_SECONDS:
        time.sleep(pause_seconds)
        data = _read_account(sources, caller.token, account_id, period)
        if data:
            return data
    raise StillSettling(retry_after_seconds=1)


def _read_account(sources: Sources, token: str, account_id: UUID, period: Period) -> AccountReportData | None:
    """Return the data of an account report, or None if ledger and transactions are inconsistent at this moment."""
    submit, accounts = sources.context_pool.submit, sources.accounts
    before = submit(accounts.balance_before, token, account_id, period.start_date)
    summed = submit(sources.transactions.summary, token, period, account_id)
    account = accounts.account(token, account_id)
    currency, summary = Currency.of(account.currency), summed.result()
    # Read the entries after the summary, so that they contain at least the transactions that it counts.
    entries = accounts.entries(token, account_id, period, at_most=HISTORY_ROWS + ENTRIES_AHEAD)
    opening_minor = currency.from_text(before.result() or currency.to_text(0))
    opening, closing = (
        currency.to_text(minor) for minor in (opening_minor, opening_minor + currency.from_text(summary.net))
    )
    history = _select_counted(entries, summary.count, opening, closing)
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


def _select_counted(
    entries: Sequence[HistoryRow], count: int, opening: str, closing: str
) -> Sequence[HistoryRow] | None:
    """Return the newest entries among those that the summary counts, or None if they can't be identified.

    The ledger may be ahead by a few entries whose transactions are not projected yet. They are skipped: by their number
    if all entries were read, else by searching for the closing balance.
    """
    if len(entries) < HISTORY_ROWS + ENTRIES_AHEAD:
        ahead = len(entries) - count
    else:  # more entries exist than were read
        ahead = next((index for index, entry in enumerate(entries) if entry.balance_after == closing), -1)
    if ahead < 0:
        return None
    settled = entries[ahead : ahead + HISTORY_ROWS]
    return settled if (settled[0].balance_after if settled else opening) == closing else None


def _balance_trend(currency: Currency, opening_minor: int, period: Period, summary: Summary) -> list[BalancePoint]:
    """Return the balance at the end of each day, from the opening balance in minor units and the sums by day."""
    change_minor = {
        day.date: currency.from_text(day.income) - currency.from_text(day.expense) for day in summary.by_day
    }
    balance_minor = opening_minor
    trend = []
    for day in period.days:
        balance_minor += change_minor.get(day, 0)
        trend.append(BalancePoint(date=day, balance=currency.to_text(balance_minor)))
    return trend


def _make_report(
    caller: Caller, report_type: ReportType, data: AnyReportData, *, subject: str, **parameters: str
) -> Report:
    """Return a report that is not stored yet: it has no id, and is the first edition of its content."""
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
    """Store a report, or return the one with the same user and content if it is younger than `SAME_REPORT_SECONDS`."""
    with storage.transaction():
        last = storage.find_last_edition(report.digest)
        if last and (report.created_at - last.created_at).total_seconds() < SAME_REPORT_SECONDS:
            return last
        report.edition = last.edition + 1 if last else 1
        storage.add_report(report)
        return report
