"""The rules of reports: which data they contain, who may see them, and when they are stored."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from reporting_service.figure_logic import (
    bank_ties_out,
    choose_grouping,
    group_flows,
    group_volumes,
    period_before,
    ties_out,
    zero_like,
)
from reporting_service.reporting_clients import AccountClient, AuthClient, TransactionClient
from reporting_service.reporting_models import Report
from reporting_service.reporting_schemas import (
    AccountReportData,
    AmountGrowth,
    AnyReportData,
    BalancePoint,
    BankGrowth,
    Grouping,
    Growth,
    HistoryRow,
    PreviousFlows,
    ReportQuery,
    ReportType,
    SystemReportData,
    TransactionReportData,
)
from reporting_service.reporting_storage import ReportStorage
from reporting_service.source_schemas import (
    AccountStatistics,
    FlowStatistics,
    LedgerRow,
    Period,
    Summary,
    TransactionFacts,
    UserStatistics,
    Volumes,
    ZonedPeriod,
)
from shared.concurrency.context_pool import ContextPool
from shared.core.clock import now
from shared.core.errors import InvalidRequest, NotFound, ServiceUnavailable
from shared.core.money import Currency
from shared.core.time_zones import UTC_ZONE, day_of
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
_Data = TypeVar("_Data")
_Period = TypeVar("_Period", bound=Period)
_log = logging.getLogger(__name__)


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
    data = read_until_consistent(lambda: _read_account(sources, caller.token, account_id, period, query.group))
    subject = f"Account report {data.account.account_number}"
    report = make_report(caller, "account", data, query.group, subject=subject, account_id=str(account_id))
    return store_report(storage, report) if query.save else report


def report_transactions(storage: ReportStorage, sources: Sources, caller: Caller, query: ReportQuery) -> Report:
    """Make a report on all transactions of the caller. Raises InvalidRequest or ServiceUnavailable."""
    period = _to_period(query)
    data = read_until_consistent(lambda: _read_transactions(sources, caller.token, period, query.group))
    report = make_report(caller, "transaction", data, query.group, subject="Transaction report")
    return store_report(storage, report) if query.save else report


def report_system(storage: ReportStorage, sources: Sources, caller: Caller, query: ReportQuery) -> Report:
    """Make a report on the whole bank. Raises InvalidRequest or ServiceUnavailable."""
    period = _to_period(query)
    data = read_until_consistent(lambda: _read_system(sources, period, query.group))
    report = make_report(caller, "system", data, query.group, subject="System report")
    return store_report(storage, report) if query.save else report


def details(storage: ReportStorage, caller: Caller, report_id: UUID) -> Report:
    """Return a stored report of the caller, or any report for an admin. Raises NotFound."""
    report = storage.find_report(report_id)
    if report is None or not (report.user_id == caller.user_id or caller.role == "admin"):
        raise NotFound("There is no such report.")
    audit_trail.record_view(storage.outbox, "view.report", caller, report.user_id, report_id=str(report.id))
    return report


def list_reports(storage: ReportStorage, page: Page, user_id: UUID | None = None) -> tuple[list[Report], Pagination]:
    """Return a page of one user's stored reports, or of all, newest first."""
    after = cursors.decode(page.cursor, datetime, UUID)
    reports, more = storage.list_reports(user_id=user_id, limit=page.limit, max_bytes=MAX_PAGE_BYTES, after=after)
    next_cursor = cursors.encode(reports[-1].created_at, reports[-1].id) if more else None
    return reports, Pagination(limit=page.limit, next_cursor=next_cursor)


def _to_period(query: ReportQuery) -> ZonedPeriod:
    """Return the period with its defaults filled in. Raises InvalidRequest if it is reversed or too long."""
    end = query.end_date or day_of(now(), query.tz)
    start = query.start_date or end - min(timedelta(days=DEFAULT_DAYS - 1), end - date.min)
    return require_period(ZonedPeriod(start_date=start, end_date=end, zone=query.tz))


def require_period(period: _Period) -> _Period:
    """Return the period. Raises InvalidRequest if it is reversed or too long."""
    if period.start_date > period.end_date:
        raise InvalidRequest(details={"start_date": "must not be after end_date"})
    if period.length_days > MAX_DAYS:
        raise InvalidRequest(details={"start_date": "must be at most ten years before end_date"})
    return period


def read_until_consistent(read: Callable[[], _Data | None]) -> _Data:
    """Read data until its figures are consistent. Raises StillSettling after the last attempt."""
    for pause_seconds in READING_PAUSES_SECONDS:
        time.sleep(pause_seconds)
        data = read()
        if data:
            return data
    _log.error("the figures of a report do not add up")
    raise StillSettling(retry_after_seconds=1)


def _read_account(
    sources: Sources, token: str, account_id: UUID, period: ZonedPeriod, group: Grouping | None
) -> AccountReportData | None:
    """Return the data of an account report, or None if ledger and transactions are inconsistent at this moment."""
    submit, accounts, transactions = sources.context_pool.submit, sources.accounts, sources.transactions
    before = submit(accounts.last_before, token, account_id, period.since)
    figures = submit(transactions.statistics, token, period, period_before(period), account_id=str(account_id))
    account = accounts.account(token, account_id)
    currency, statistics = Currency.of(account.currency), figures.result()
    # Read the entries after the figures, so that they contain at least the transactions that those count.
    at_most = HISTORY_ROWS + ENTRIES_AHEAD
    described = submit(
        transactions.list_of_account, token, account_id, period, at_most=min(at_most, statistics.count + ENTRIES_AHEAD)
    )
    entries = accounts.entries(token, account_id, period, at_most=at_most)
    opening, closing = str(statistics.opening_balance), str(statistics.closing_balance)
    history = _describe(_select_counted(entries, statistics.count, opening, closing), described.result())
    last = before.result()
    if history is None or (last.balance_after if last else currency.to_text(0)) != opening or not ties_out(statistics):
        return None
    return AccountReportData(
        **flow_fields(statistics, period, group),
        account=account.model_copy(update={"balance": statistics.balance}),
        history=history,
        balance_trend=_balance_trend(currency, currency.from_text(opening), period, statistics),
    )


def _read_transactions(
    sources: Sources, token: str, period: ZonedPeriod, group: Grouping | None
) -> TransactionReportData | None:
    """Return the data of a transaction report, or None if its figures do not add up."""
    statistics = sources.transactions.statistics(token, period, period_before(period))
    return TransactionReportData(**flow_fields(statistics, period, group)) if ties_out(statistics) else None


def flow_fields(statistics: FlowStatistics, period: ZonedPeriod, group: Grouping | None) -> dict[str, Any]:
    """Return the fields that reports on one account and on several have in common, and further ones."""
    grouping, before = group or choose_grouping(period), period_before(period)
    previous = statistics.previous
    return {
        **dict(statistics),
        "period": period,
        "time_zone": period.zone.key,
        "grouping": grouping,
        "groups": group_flows(statistics.by_day, period, grouping, zero_like(statistics.net)),
        "previous": PreviousFlows(period=before, **dict(previous)) if before and previous else None,
    }


def _read_system(sources: Sources, period: ZonedPeriod, group: Grouping | None) -> SystemReportData | None:
    """Return the data of a system report, or None if its figures do not add up."""
    submit, before = sources.context_pool.submit, period_before(period)
    users_read = submit(sources.auth.statistics, period, before)
    accounts_read = submit(sources.accounts.statistics, period, before)
    volumes = sources.transactions.volumes(period, before)
    accounts, users = accounts_read.result(), users_read.result()
    if not bank_ties_out(users, accounts, volumes):
        return None
    grouping = group or choose_grouping(period)
    groups = group_volumes(volumes.by_day, period, grouping, zero_like(accounts.total_balance))
    return SystemReportData(
        period=period,
        as_of=volumes.as_of,
        time_zone=period.zone.key,
        users=users,
        users_by_role_and_status=users.by_role_and_status,
        accounts=accounts,
        accounts_by_type_and_status=accounts.by_type_and_status,
        total_balance=accounts.total_balance,
        transactions=volumes,
        volumes_by_day=volumes.by_day_and_type,
        grouping=grouping,
        groups=groups,
        growth=_growth(before, users, accounts, volumes),
    )


def _growth(
    before: ZonedPeriod | None, users: UserStatistics, accounts: AccountStatistics, volumes: Volumes
) -> BankGrowth | None:
    """Return what was added in the period beside the period before, or None if there is none."""
    if before is None or volumes.previous is None:
        return None
    zero = zero_like(accounts.total_balance)
    volume = zero + sum((Decimal(day.total) for day in volumes.by_day), zero)
    return BankGrowth(
        period=before,
        users=Growth(current=users.created, previous=users.created_before or 0),
        accounts=Growth(current=accounts.created, previous=accounts.created_before or 0),
        transactions=Growth(current=volumes.count, previous=volumes.previous.count),
        volume=AmountGrowth(current=format(volume, "f"), previous=volumes.previous.total),
    )


def _describe(
    entries: Sequence[LedgerRow] | None, described: Mapping[UUID, TransactionFacts]
) -> list[HistoryRow] | None:
    """Return the entries with the data of their transactions, or None if a transaction is missing."""
    if entries is None or any(entry.transaction_id not in described for entry in entries):
        return None
    rows = []
    for entry in entries:
        facts = described[entry.transaction_id]
        goes_out = entry.amount.startswith("-")
        rows.append(
            HistoryRow(
                **dict(entry),
                transaction_type=facts.transaction_type,
                description=facts.description,
                counterparty=facts.to_account_number if goes_out else facts.from_account_number,
                counterparty_name=facts.to_name if goes_out else facts.from_name,
            )
        )
    return rows


def _select_counted(entries: Sequence[LedgerRow], count: int, opening: str, closing: str) -> Sequence[LedgerRow] | None:
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


def make_report(
    caller: Caller,
    report_type: ReportType,
    data: AnyReportData,
    group: Grouping | None,
    *,
    subject: str,
    **parameters: str,
) -> Report:
    """Return a report that is not stored yet: it has no id, and is the first edition of its content."""
    start, end = str(data.period.start_date), str(data.period.end_date)
    parameters |= {"start_date": start, "end_date": end}
    parameters |= {"group": group} if group else {}
    parameters |= {"tz": data.time_zone} if data.time_zone != UTC_ZONE.key else {}
    report_data = data.model_dump(mode="json")
    content = json.dumps(report_data, sort_keys=True)
    figures = json.dumps(report_data | {"as_of": None}, sort_keys=True)
    identity = json.dumps([str(caller.user_id), report_type, parameters, figures])
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
def store_report(storage: ReportStorage, report: Report) -> Report:
    """Store a report, or return the one with the same user and content if it is younger than `SAME_REPORT_SECONDS`."""
    with storage.transaction():
        last = storage.find_last_edition(report.digest)
        if last and (report.created_at - last.created_at).total_seconds() < SAME_REPORT_SECONDS:
            return last
        report.edition = last.edition + 1 if last else 1
        storage.insert(report)
        return report
