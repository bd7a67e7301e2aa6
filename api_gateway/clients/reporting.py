"""Client for the reporting service."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from api_gateway.clients.account import Account, Entry
from api_gateway.clients.base import Client, NextPage, Query, Seen
from api_gateway.clients.transaction import Flow, Summary, TypeTotal


class Period(Seen):
    """The days of a report, first and last included."""

    start_date: date
    end_date: date


class BalancePoint(Seen):
    """The balance at the end of a day."""

    date: date
    balance: Decimal


class AccountReport(Flow):
    """An account over a period. `history` may hold only the newest of `count` entries."""

    account: Account
    period: Period
    opening_balance: Decimal
    closing_balance: Decimal
    history: list[Entry]
    balance_trend: list[BalancePoint]


class TransactionReport(Summary):
    """All accounts of a user over a period."""

    period: Period


class Persons(Seen):
    """Counts of all users."""

    total: int
    by_role: dict[str, int]
    by_status: dict[str, int]


class Holding(Seen):
    """The number of accounts of a type and the sum of their balances."""

    count: int
    balance: Decimal


class Holdings(Seen):
    """Counts and balances of all accounts."""

    total: int
    by_type: dict[str, Holding]
    by_status: dict[str, int]


class DayVolume(Seen):
    """The number of transactions on a day and the sum of their amounts."""

    date: date
    count: int
    total: Decimal


class Volumes(Seen):
    """Counts and sums of all transactions of the bank."""

    count: int
    by_type: dict[str, TypeTotal]
    by_day: list[DayVolume]


class SystemReport(Seen):
    """The whole bank: users and accounts as of the report's creation, transactions over a period."""

    period: Period
    users: Persons
    accounts: Holdings
    total_balance: Decimal
    transactions: Volumes


ReportData = Annotated[AccountReport | SystemReport | TransactionReport, Field(union_mode="left_to_right")]


class Report(Seen):
    """A report. `report_type` decides the shape of `report_data`; a report that is not stored has no id."""

    id: UUID | None
    user_id: UUID
    report_type: Literal["account", "transaction", "system"]
    title: str
    report_data: ReportData
    created_at: datetime

    def is_about(self, user_id: UUID) -> bool:
        """Return whether the report is about the user's own accounts."""
        if isinstance(self.report_data, AccountReport):
            return self.report_data.account.user_id == user_id
        return isinstance(self.report_data, TransactionReport) and self.user_id == user_id


class Reports(Seen):
    """A page of reports, newest first."""

    reports: list[Report]
    pagination: NextPage


Days = tuple[date | None, date | None]


class ReportingClient(Client):
    """Calls the reporting service. A report is made on request, and stored when `save` is set."""

    def account_report(self, token: str, account_id: UUID, days: Days, *, save: bool = False) -> Report:
        """Report on an account over a period, both days included; without days over the last 30."""
        return self._report(token, f"/api/reports/account/{account_id}", days, save=save)

    def transaction_report(self, token: str, days: Days, *, save: bool = False) -> Report:
        """Report on all accounts of the caller over a period."""
        return self._report(token, "/api/reports/transactions", days, save=save)

    def system_report(self, token: str, days: Days = (None, None), *, save: bool = False) -> Report:
        """Report on the whole bank over a period, for admins."""
        return self._report(token, "/api/reports/system", days, save=save)

    def details(self, token: str, report_id: UUID) -> Report:
        """Return a stored report."""
        return self._get(Report, token, f"/api/reports/details/{report_id}", key="report")

    def list_own(self, token: str, query: Query) -> Reports:
        """Return a page of the caller's stored reports."""
        return self._get(Reports, token, "/api/reports/list", query)

    def _report(self, token: str, path: str, days: Days, *, save: bool) -> Report:
        query = {"start_date": days[0], "end_date": days[1], "save": "true" if save else "false"}
        return self._get(Report, token, path, query, key="report")
