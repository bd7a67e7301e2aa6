"""Client for the reporting service."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import requests
from pydantic import Field

from api_gateway.clients.account import Account, Entry
from api_gateway.clients.base import MAX_PAGE, Client, ListPage, Query, ResponseModel
from api_gateway.clients.transaction import Day, Flow, Summary, TypeTotal


class Period(ResponseModel):
    """The days of a report, first and last included."""

    start_date: date
    end_date: date


class BalancePoint(ResponseModel):
    """The balance at the end of a day."""

    date: date
    balance: Decimal


class Spread(ResponseModel):
    """The payments in one direction."""

    count: int
    total: Decimal
    reversed: Decimal
    mean: Decimal
    median: Decimal
    largest: Decimal


class Group(ResponseModel):
    """The sums of a day, a week or a month."""

    start_date: date
    end_date: date
    count: int
    total: Decimal
    income: Decimal = Decimal()
    expense: Decimal = Decimal()
    net: Decimal = Decimal()


class CategoryTotal(ResponseModel):
    """The transactions of a category."""

    count: int
    income: Decimal
    expense: Decimal


class PreviousFlows(CategoryTotal):
    """The sums of the period before."""

    period: Period
    net: Decimal


class Basis(ResponseModel):
    """What a report is based on, which stored reports of earlier versions lack."""

    as_of: datetime | None = None
    time_zone: str = "UTC"
    grouping: Literal["day", "week", "month"] = "day"
    groups: list[Group] = Field(default_factory=list)


class Figures(Basis):
    """Figures that stored reports of earlier versions lack."""

    money_in: Spread | None = None
    money_out: Spread | None = None
    by_category: dict[str, CategoryTotal] = Field(default_factory=dict)
    previous: PreviousFlows | None = None


class HistoryEntry(Entry):
    """An entry with its transaction, which stored reports of earlier versions lack."""

    transaction_type: str = ""
    description: str | None = None
    counterparty: str | None = None
    counterparty_name: str | None = None


class AccountReport(Flow, Figures):
    """An account over a period. `history` may hold only the newest of `count` entries."""

    account: Account
    period: Period
    opening_balance: Decimal
    closing_balance: Decimal
    history: list[HistoryEntry]
    balance_trend: list[BalancePoint]


class TransactionReport(Summary, Figures):
    """All accounts of a user over a period."""

    period: Period
    opening_balance: Decimal | None = None
    closing_balance: Decimal | None = None
    accounts: list[Account] = Field(default_factory=list)
    types: list[str] = Field(default_factory=list)


class UserCounts(ResponseModel):
    """Counts of all users."""

    total: int
    by_role: dict[str, int]
    by_status: dict[str, int]


class Holding(ResponseModel):
    """The number of accounts of a type and the sum of their balances."""

    count: int
    balance: Decimal


class AccountCounts(ResponseModel):
    """Counts and balances of all accounts."""

    total: int
    by_type: dict[str, Holding]
    by_status: dict[str, int]


class Volumes(ResponseModel):
    """Counts and sums of all transactions of the bank."""

    count: int
    by_type: dict[str, TypeTotal]
    by_day: list[Day]


class DayVolumes(ResponseModel):
    """The transactions of a day by type."""

    date: date
    by_type: dict[str, TypeTotal]


class Growth(ResponseModel):
    """A number, or an amount, in the period of a report and in the one before."""

    current: Decimal
    previous: Decimal


class BankGrowth(ResponseModel):
    """What was added in the period, beside the period before."""

    period: Period
    users: Growth
    accounts: Growth
    transactions: Growth
    volume: Growth


class SystemReport(Basis):
    """The whole bank: users and accounts as of the report's creation, transactions over a period."""

    period: Period
    users: UserCounts
    accounts: AccountCounts
    total_balance: Decimal
    transactions: Volumes
    users_by_role_and_status: dict[str, dict[str, int]] = Field(default_factory=dict)
    accounts_by_type_and_status: dict[str, dict[str, Holding]] = Field(default_factory=dict)
    volumes_by_day: list[DayVolumes] = Field(default_factory=list)
    growth: BankGrowth | None = None


ReportData = Annotated[AccountReport | SystemReport | TransactionReport, Field(union_mode="left_to_right")]


class Report(ResponseModel):
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


class CustomReport(ResponseModel):
    """A choice of accounts, types, period and grouping that the user keeps under a name."""

    id: UUID
    name: str


class StatementExport(ResponseModel):
    """A ZIP with statements of a year, and its progress."""

    id: UUID
    state: str
    done: int
    total: int
    year: int
    formats: list[str]
    account_ids: list[UUID]
    failure: str | None
    created_at: datetime
    expires_at: datetime | None

    @property
    def is_running(self) -> bool:
        """Return whether the export is queued or running."""
        return self.state in {"queued", "running"}


@dataclass(frozen=True)
class Choice:
    """The zone of the days, the period and the grouping of a report; None is the service's default."""

    tz: str | None = None
    start: date | None = None
    end: date | None = None
    group: str | None = None

    @property
    def query(self) -> dict[str, object]:
        """Return the query parameters."""
        return {"tz": self.tz, "start_date": self.start, "end_date": self.end, "group": self.group}


class ReportingClient(Client):
    """Calls the reporting service. A report is made on request, and stored when `save` is set."""

    def download(self, path: str, choice: Choice, form: str) -> requests.Response:
        """Return the streamed response with a report as CSV or PDF. `path` is that of the report at the service."""
        save = {} if "/details/" in path else {"save": "false"}
        return self._document(path, {**choice.query, **save, "format": form})

    def export(self) -> requests.Response:
        """Return the streamed response with all data of the caller, a ZIP."""
        return self._document("/api/reports/export")

    def list_export(self, name: str, query: Query) -> requests.Response:
        """Return the streamed response with all rows of a list for staff, a CSV. Raises what that list refuses."""
        return self._document(f"/api/reports/lists/{name}", query)

    def start_export(self, choice: dict[str, object]) -> StatementExport:
        """Begin a ZIP with statements of a year."""
        return self._call(StatementExport, "POST", "/api/reports/exports", body=choice, key="export")

    def list_exports(self) -> list[StatementExport]:
        """Return the caller's ZIPs with statements, newest first."""
        return self._page(StatementExport, "/api/reports/exports", {}, key="exports").rows

    def download_export(self, export_id: UUID) -> requests.Response:
        """Return the streamed response with a ZIP of the caller."""
        return self._document(f"/api/reports/exports/{export_id}/download")

    def remove_export(self, export_id: UUID) -> None:
        """Remove a ZIP of the caller."""
        self._send("DELETE", f"/api/reports/exports/{export_id}")

    def list_custom(self) -> list[CustomReport]:
        """Return the caller's custom reports, newest first."""
        return self._get(list[CustomReport], "/api/reports/custom", {"limit": MAX_PAGE}, key="custom_reports")

    def custom(self, custom_id: UUID) -> CustomReport:
        """Return a custom report of the caller."""
        return self._get(CustomReport, f"/api/reports/custom/{custom_id}", key="custom_report")

    def keep_custom(self, choice: dict[str, object]) -> CustomReport:
        """Keep a custom report."""
        return self._call(CustomReport, "POST", "/api/reports/custom", body=choice, key="custom_report")

    def delete_custom(self, custom_id: UUID) -> None:
        """Delete a custom report of the caller."""
        self._send("DELETE", f"/api/reports/custom/{custom_id}")

    def details(self, report_id: UUID) -> Report:
        """Return a stored report."""
        return self._get(Report, f"/api/reports/details/{report_id}", key="report")

    def list_own(self, query: Query) -> ListPage[Report]:
        """Return a page of the caller's stored reports."""
        return self._page(Report, "/api/reports/list", query, key="reports")

    def statement(self, account_id: UUID, query: Query, known: str | None) -> requests.Response:
        """Return the streamed response with the statement of an account; 304 if its ETag is `known`."""
        return self._document(f"/api/reports/statement/{account_id}", query, known)

    def receipt(self, transaction_id: UUID, query: Query, known: str | None) -> requests.Response:
        """Return the streamed response with the receipt of a payment; 304 if its ETag is `known`."""
        return self._document(f"/api/reports/receipt/{transaction_id}", query, known)

    def report(self, path: str, choice: Choice, *, save: bool = False) -> Report:
        """Make the report at a path of the service."""
        query = {**choice.query, "save": "true" if save else "false"}
        return self._get(Report, path, query, key="report")

    def _document(self, path: str, query: Query | None = None, known: str | None = None) -> requests.Response:
        headers = {"If-None-Match": known} if known else {}
        return self._peer.document(path, token=self._token or "", query=dict(query or {}), headers=headers)
