"""Queries and responses of the reporting service, and the data that it reads. Amounts are decimal text."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from shared.core.money import AmountText
from shared.core.periods import Day, Timestamp
from shared.core.texts import masked
from shared.web.cursors import Pagination
from shared.web.validation.openapi import Answer, Described, Query

if TYPE_CHECKING:
    from reporting_service.reporting_models import Report

ReportType = Literal["account", "transaction", "system"]


class ReportQuery(Query):
    """The period of a report, both days included. By default it is the thirty days that end today.

    With `save=false` the report is returned but not stored, and has no id.
    """

    start_date: Day | None = None
    """The first day. The default is 29 days before `end_date`."""
    end_date: Day | None = None
    """The last day. The default is today."""
    save: bool = True
    """Whether to store the report. A report that is not stored has no id."""


class Period(Described):
    """The days of a report, both ends included."""

    model_config = ConfigDict(frozen=True)

    start_date: date
    """The first day."""
    end_date: date
    """The last day."""

    @property
    def length_days(self) -> int:
        """Return the number of days."""
        return (self.end_date - self.start_date).days + 1

    @property
    def days(self) -> list[date]:
        """Return all days of the period in order."""
        return [self.start_date + timedelta(days=number) for number in range(self.length_days)]


class TypeTotal(Described):
    """The number of transactions of a type and the sum of their amounts, incoming and outgoing."""

    count: int
    """The number of transactions."""
    total: AmountText
    """The sum of their amounts, incoming and outgoing."""


class DayVolume(Described):
    """The number of transactions of a day and the sum of their amounts, incoming and outgoing."""

    date: date
    """The day."""
    count: int
    """The number of transactions."""
    total: AmountText
    """The sum of their amounts, incoming and outgoing."""


class DayTotal(DayVolume):
    """The number and the sums of a day's transactions, with income and expense."""

    income: AmountText
    """The sum of incoming amounts."""
    expense: AmountText
    """The sum of outgoing amounts."""


class Summary(Described):
    """The sums of completed transactions. `by_day` leaves out days without any."""

    count: int
    """The number of transactions."""
    by_type: Annotated[dict[str, TypeTotal], Field(examples=[{"deposit": {"count": 3, "total": "1250.00"}}])]
    """Number and sum by transaction type."""
    income: AmountText
    """The sum of incoming amounts."""
    expense: AmountText
    """The sum of outgoing amounts."""
    net: AmountText
    """Income minus expense."""
    average: AmountText
    """The mean amount."""
    largest: AmountText
    """The largest amount."""
    by_day: list[DayTotal]
    """Number and sums by day."""


class AccountFacts(Described):
    """An account. Its number is masked, because reports are stored and admins can read them."""

    id: UUID
    """The id of the account."""
    user_id: UUID
    """The id of the owner."""
    account_number: Annotated[str, AfterValidator(masked), Field(examples=["••••7897"])]
    """The account number, masked."""
    account_type: Annotated[str, Field(examples=["checking"])]
    """The account type."""
    nickname: Annotated[str, Field(examples=["Holidays"])] | None
    """The owner's own name for the account."""
    balance: AmountText
    """The present balance."""
    currency: Annotated[str, Field(examples=["USD"])]
    """The currency, by its ISO 4217 code."""
    status: Annotated[str, Field(examples=["active"])]
    """The status of the account."""
    created_at: Timestamp
    """When the account was opened."""


class HistoryRow(Described):
    """One entry of an account: the signed amount and the balance after it."""

    amount: AmountText
    """The amount of the entry: negative when money left the account."""
    balance_after: AmountText
    """The balance of the account after the entry."""
    transaction_id: UUID
    """The id of the transaction."""
    timestamp: Timestamp
    """When the entry was booked."""


class BalancePoint(Described):
    """The balance at the end of a day."""

    date: date
    """The day."""
    balance: AmountText
    """The balance at the end of the day."""


class AccountReportData(Described):
    """One account over a period. `history` shows the newest 1,000 of `count` entries."""

    account: AccountFacts
    """The account at the time of the report."""
    period: Period
    """The days of the report."""
    opening_balance: AmountText
    """The balance at the start of the first day."""
    closing_balance: AmountText
    """The balance at the end of the last day."""
    income: AmountText
    """The sum of incoming amounts."""
    expense: AmountText
    """The sum of outgoing amounts."""
    net: AmountText
    """Income minus expense."""
    count: int
    """The number of entries."""
    by_type: Annotated[dict[str, TypeTotal], Field(examples=[{"deposit": {"count": 3, "total": "1250.00"}}])]
    """Number and sum by transaction type."""
    history: list[HistoryRow]
    """The newest 1,000 entries, newest first."""
    balance_trend: list[BalancePoint]
    """The balance at the end of each day."""


class TransactionReportData(Summary):
    """All accounts of a user over a period. Transfers between own accounts are neither income nor expense."""

    period: Period
    """The days of the report."""


class UserStatistics(Described):
    """Users, counted by role and by status."""

    total: int
    """The number of all users."""
    by_role: Annotated[dict[str, int], Field(examples=[{"customer": 3}])]
    """The number of users by role."""
    by_status: Annotated[dict[str, int], Field(examples=[{"active": 3}])]
    """The number of users by status."""


class TypeHolding(Described):
    """The number of accounts of a type and the sum of their balances."""

    count: int
    """The number of accounts."""
    balance: AmountText
    """The sum of their balances."""


class AccountCounts(Described):
    """The numbers of accounts and the sums of their balances by type."""

    total: int
    """The number of all accounts."""
    by_type: Annotated[dict[str, TypeHolding], Field(examples=[{"checking": {"count": 3, "balance": "1250.00"}}])]
    """Number and sum of balances by account type."""
    by_status: Annotated[dict[str, int], Field(examples=[{"active": 3}])]
    """The number of accounts by status."""


class AccountStatistics(AccountCounts):
    """The numbers of accounts, with the sum of all balances."""

    total_balance: AmountText
    """The sum of all balances."""


class Volumes(Described):
    """The numbers and sums of the whole bank's completed transactions."""

    count: int
    """The number of transactions."""
    by_type: Annotated[dict[str, TypeTotal], Field(examples=[{"deposit": {"count": 3, "total": "1250.00"}}])]
    """Number and sum by transaction type."""
    by_day: list[DayVolume]
    """Number and sums by day."""


class SystemReportData(Described):
    """The whole bank: users and accounts at the time of the report, transactions over the period."""

    period: Period
    """The days of the report."""
    users: UserStatistics
    """The numbers of users."""
    accounts: AccountCounts
    """The numbers of accounts and the sums of their balances."""
    total_balance: AmountText
    """The sum of all balances."""
    transactions: Volumes
    """The numbers and sums of completed transactions."""


AnyReportData = AccountReportData | TransactionReportData | SystemReportData


class _DescribedAs:
    """Describes a JSON object in the OpenAPI document by another type, without validating it by that type.

    Stored reports are returned unchanged, so they need no validation.
    """

    def __init__(self, described: Any) -> None:
        self._described = described

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(TypeAdapter(self._described).core_schema)


class ReportOut(Described):
    """A report. Its `id` is null if it was made with `save=false`."""

    id: UUID | None
    """The id of the report; null if it is not stored."""
    user_id: UUID
    """The id of the user who made the report."""
    report_type: ReportType
    """The type of the report."""
    title: Annotated[str, Field(examples=["Transactions in January 2026"])]
    """The title, with the period."""
    parameters: Annotated[dict[str, str], Field(examples=[{"start_date": "2026-01-01", "end_date": "2026-01-31"}])]
    """The parameters of the request."""
    report_data: Annotated[dict[str, Any], _DescribedAs(AnyReportData)]
    """The data of the report. Its form depends on the type."""
    created_at: Timestamp
    """When the report was made."""

    @classmethod
    def of(cls, report: "Report") -> "ReportOut":
        """Return the response for a row."""
        return cls.model_validate(report, from_attributes=True)


class ReportAnswer(Answer):
    """One report."""

    report: ReportOut
    """The report."""


class ReportsAnswer(Answer):
    """A page of reports, newest first. A page of long reports has fewer than `limit`."""

    reports: list[ReportOut]
    """The reports of this page."""
    pagination: Pagination
    """The page size, and the cursor of the next page."""
