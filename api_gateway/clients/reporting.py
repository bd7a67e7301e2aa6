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
from api_gateway.clients.transaction import Flow, Summary, TypeTotal


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


class PreviousFlows(ResponseModel):
    """The sums of the period before."""

    period: Period
    count: int
    income: Decimal
    expense: Decimal
    net: Decimal


class CategoryTotal(ResponseModel):
    """The transactions of a category."""

    count: int
    income: Decimal
    expense: Decimal


class Figures(ResponseModel):
    """Figures that stored reports of earlier versions lack."""

    as_of: datetime | None = None
    time_zone: str = "UTC"
    money_in: Spread | None = None
    money_out: Spread | None = None
    by_category: dict[str, CategoryTotal] = Field(default_factory=dict)
    grouping: Literal["day", "week", "month"] = "day"
    groups: list[Group] = Field(default_factory=list)
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


class Persons(ResponseModel):
    """Counts of all users."""

    total: int
    by_role: dict[str, int]
    by_status: dict[str, int]


class Holding(ResponseModel):
    """The number of accounts of a type and the sum of their balances."""

    count: int
    balance: Decimal


class Holdings(ResponseModel):
    """Counts and balances of all accounts."""

    total: int
    by_type: dict[str, Holding]
    by_status: dict[str, int]


class DayVolume(ResponseModel):
    """The number of transactions on a day and the sum of their amounts."""

    date: date
    count: int
    total: Decimal


class Volumes(ResponseModel):
    """Counts and sums of all transactions of the bank."""

    count: int
    by_type: dict[str, TypeTotal]
    by_day: list[DayVolume]


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


class SystemReport(ResponseModel):
    """The whole bank: users and accounts as of the report's creation, transactions over a period."""

    period: Period
    users: Persons
    accounts: Holdings
    total_balance: Decimal
    transactions: Volumes
    as_of: datetime | None = None
    time_zone: str = "UTC"
    users_by_role_and_status: dict[str, dict[str, int]] = Field(default_factory=dict)
    accounts_by_type_and_status: dict[str, dict[str, Holding]] = Field(default_factory=dict)
    volumes_by_day: list[DayVolumes] = Field(default_factory=list)
    grouping: Literal["day", "week", "month"] = "day"
    groups: list[Group] = Field(default_factory=list)
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
    account_ids: list[UUID]
    types: list[str]
    preset: str | None
    start_date: date | None
    end_date: date | None
    group: str | None


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

    def system_report(self, token: str, choice: Choice = Choice(), *, save: bool = False) -> Report:
        """Report on the whole bank over a period, for admins."""
        return self.report(token, "/api/reports/system", choice, save=save)

    def download(self, token: str, path: str, choice: Choice, form: str) -> requests.Response:
        """Return the streamed response with a report as CSV or PDF. `path` is that of the report at the service."""
        query = {name: value for name, value in choice.query.items() if value is not None}
        if "/details/" not in path:
            query["save"] = "false"
        return self._peer.document(path, token=token, query={**query, "format": form})

    def export(self, token: str) -> requests.Response:
        """Return the streamed response with all data of the caller, a ZIP."""
        return self._peer.document("/api/reports/export", token=token)

    def list_export(self, token: str, name: str, query: Query) -> requests.Response:
        """Return the streamed response with all rows of a list for staff, a CSV. Raises what that list refuses."""
        return self._peer.document(f"/api/reports/lists/{name}", token=token, query=dict(query))

    def start_export(self, token: str, choice: dict[str, object]) -> StatementExport:
        """Begin a ZIP with statements of a year."""
        return self._call(StatementExport, "POST", "/api/reports/exports", token=token, body=choice, key="export")

    def list_exports(self, token: str) -> list[StatementExport]:
        """Return the caller's ZIPs with statements, newest first."""
        return self._page(StatementExport, token, "/api/reports/exports", {}, noun="exports").rows

    def download_export(self, token: str, export_id: UUID) -> requests.Response:
        """Return the streamed response with a ZIP of the caller."""
        return self._peer.document(f"/api/reports/exports/{export_id}/download", token=token)

    def remove_export(self, token: str, export_id: UUID) -> None:
        """Remove a ZIP of the caller."""
        self._peer.call("DELETE", f"/api/reports/exports/{export_id}", token=token)

    def run(self, token: str, custom_id: UUID, tz: str, *, save: bool = False) -> Report:
        """Make a report by a custom report of the caller, with the days of a time zone."""
        query = {"tz": tz, "save": "true" if save else "false"}
        return self._get(Report, token, f"/api/reports/custom/{custom_id}/run", query, key="report")

    def list_custom(self, token: str) -> list[CustomReport]:
        """Return the caller's custom reports, newest first."""
        return self._get(list[CustomReport], token, "/api/reports/custom", {"limit": MAX_PAGE}, key="custom_reports")

    def custom(self, token: str, custom_id: UUID) -> CustomReport:
        """Return a custom report of the caller."""
        return self._get(CustomReport, token, f"/api/reports/custom/{custom_id}", key="custom_report")

    def keep_custom(self, token: str, choice: dict[str, object]) -> CustomReport:
        """Keep a custom report."""
        return self._call(CustomReport, "POST", "/api/reports/custom", token=token, body=choice, key="custom_report")

    def delete_custom(self, token: str, custom_id: UUID) -> None:
        """Delete a custom report of the caller."""
        self._peer.call("DELETE", f"/api/reports/custom/{custom_id}", token=token)

    def details(self, token: str, report_id: UUID) -> Report:
        """Return a stored report."""
        return self._get(Report, token, f"/api/reports/details/{report_id}", key="report")

    def list_own(self, token: str, query: Query) -> ListPage[Report]:
        """Return a page of the caller's stored reports."""
        return self._page(Report, token, "/api/reports/list", query, noun="reports")

    def statement(self, token: str, account_id: UUID, query: Query, known: str | None) -> requests.Response:
        """Return the streamed response with the statement of an account; 304 if its ETag is `known`."""
        return self._document(token, f"/api/reports/statement/{account_id}", query, known)

    def receipt(self, token: str, transaction_id: UUID, query: Query, known: str | None) -> requests.Response:
        """Return the streamed response with the receipt of a payment; 304 if its ETag is `known`."""
        return self._document(token, f"/api/reports/receipt/{transaction_id}", query, known)

    def _document(self, token: str, path: str, query: Query, known: str | None) -> requests.Response:
        headers = {"If-None-Match": known} if known else {}
        return self._peer.document(path, token=token, query=dict(query), headers=headers)

    def report(self, token: str, path: str, choice: Choice, *, save: bool = False) -> Report:
        """Make the report at a path of the service."""
        query = {**choice.query, "save": "true" if save else "false"}
        return self._get(Report, token, path, query, key="report")
