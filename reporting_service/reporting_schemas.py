"""Queries and answers of the reporting service, and what it reads from the others. Money is decimal text."""

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
    """The period of a report, both days included: by default the thirty days up to `end_date`, which is today's.

    With `save=false` the report is only answered; it is not stored and has no id.
    """

    start_date: Day | None = None
    """The first day: by default the thirtieth up to `end_date`."""
    end_date: Day | None = None
    """The last day: by default today."""
    save: bool = True
    """Whether to store the report; one that is not stored has no id."""


class Period(Described):
    """The days of a report, both ends included."""

    model_config = ConfigDict(frozen=True)

    start_date: date
    """The first day."""
    end_date: date
    """The last day."""

    @property
    def length_days(self) -> int:
        """How many days."""
        return (self.end_date - self.start_date).days + 1

    @property
    def days(self) -> list[date]:
        """Each day, first to last."""
        return [self.start_date + timedelta(days=number) for number in range(self.length_days)]


class TypeTotal(Described):
    """How many transactions of a type, and the sum of their amounts, in and out alike."""

    count: int
    """How many there are."""
    total: AmountText
    """The sum of their amounts, in and out alike."""


class DayVolume(Described):
    """How many transactions on a day, and the sum of their amounts, in and out alike."""

    date: date
    """The day."""
    count: int
    """How many there are."""
    total: AmountText
    """The sum of their amounts, in and out alike."""


class DayTotal(DayVolume):
    """The same, with what came in and what went out."""

    income: AmountText
    """What came in."""
    expense: AmountText
    """What went out."""


class Summary(Described):
    """Completed transactions, summed up; `by_day` leaves out days without any."""

    count: int
    """How many transactions there are."""
    by_type: Annotated[dict[str, TypeTotal], Field(examples=[{"deposit": {"count": 3, "total": "1250.00"}}])]
    """The same for each type."""
    income: AmountText
    """What came in."""
    expense: AmountText
    """What went out."""
    net: AmountText
    """What came in, less what went out."""
    average: AmountText
    """The mean amount."""
    largest: AmountText
    """The largest amount."""
    by_day: list[DayTotal]
    """The same for each day."""


class AccountFacts(Described):
    """An account; of its number only the last digits, because reports are kept and shown to admins."""

    id: UUID
    """The id of the account."""
    user_id: UUID
    """The id of the owner."""
    account_number: Annotated[str, AfterValidator(masked), Field(examples=["••••7897"])]
    """The account number, masked."""
    account_type: Annotated[str, Field(examples=["checking"])]
    """The kind of account."""
    nickname: Annotated[str, Field(examples=["Holidays"])] | None
    """What the owner calls the account."""
    balance: AmountText
    """The balance."""
    currency: Annotated[str, Field(examples=["USD"])]
    """The currency, by its ISO 4217 code."""
    status: Annotated[str, Field(examples=["active"])]
    """The state it is in."""
    created_at: Timestamp
    """When the account was opened."""


class HistoryRow(Described):
    """One entry of an account: signed amount, and the balance after it."""

    amount: AmountText
    """The amount of the entry: negative when money left the account."""
    balance_after: AmountText
    """The balance of the account after the entry."""
    transaction_id: UUID
    """The id of the transaction."""
    timestamp: Timestamp
    """When it was booked."""


class BalancePoint(Described):
    """The balance at the end of a day."""

    date: date
    """The day."""
    balance: AmountText
    """The balance at the end of the day."""


class AccountReportData(Described):
    """One account over a period. `history` shows the newest 1,000 of `count` entries."""

    account: AccountFacts
    """The account as it was when the report was made."""
    period: Period
    """The days that it covers."""
    opening_balance: AmountText
    """The balance before the first day."""
    closing_balance: AmountText
    """The balance after the last day."""
    income: AmountText
    """What came in."""
    expense: AmountText
    """What went out."""
    net: AmountText
    """What came in, less what went out."""
    count: int
    """How many entries there are."""
    by_type: Annotated[dict[str, TypeTotal], Field(examples=[{"deposit": {"count": 3, "total": "1250.00"}}])]
    """The same for each type."""
    history: list[HistoryRow]
    """The newest 1,000 entries, newest first."""
    balance_trend: list[BalancePoint]
    """The balance at the end of each day."""


class TransactionReportData(Summary):
    """All accounts of a person over a period; what they moved between their own accounts is neither in nor out."""

    period: Period
    """The days that it covers."""


class UserStatistics(Described):
    """All people, counted."""

    total: int
    """How many there are in all."""
    by_role: Annotated[dict[str, int], Field(examples=[{"customer": 3}])]
    """How many there are with each role."""
    by_status: Annotated[dict[str, int], Field(examples=[{"active": 3}])]
    """How many there are in each state."""


class TypeHolding(Described):
    """How many accounts of a type, and what they hold together."""

    count: int
    """How many there are."""
    balance: AmountText
    """What they hold together."""


class AccountCounts(Described):
    """All accounts, counted."""

    total: int
    """How many there are in all."""
    by_type: Annotated[dict[str, TypeHolding], Field(examples=[{"checking": {"count": 3, "balance": "1250.00"}}])]
    """The same for each type."""
    by_status: Annotated[dict[str, int], Field(examples=[{"active": 3}])]
    """How many there are in each state."""


class AccountStatistics(AccountCounts):
    """The same, with what all accounts hold together."""

    total_balance: AmountText
    """What all accounts hold together."""


class Volumes(Described):
    """The completed transactions of the whole bank."""

    count: int
    """How many there are."""
    by_type: Annotated[dict[str, TypeTotal], Field(examples=[{"deposit": {"count": 3, "total": "1250.00"}}])]
    """The same for each type."""
    by_day: list[DayVolume]
    """The same for each day."""


class SystemReportData(Described):
    """The whole bank: people and accounts as they are now, transactions over a period."""

    period: Period
    """The days that it covers."""
    users: UserStatistics
    """The people, counted."""
    accounts: AccountCounts
    """The accounts, counted."""
    total_balance: AmountText
    """What all accounts hold together."""
    transactions: Volumes
    """The completed transactions, counted."""


AnyReportData = AccountReportData | TransactionReportData | SystemReportData


class _DescribedAs:
    """A JSON object that is passed on as it was stored, and described in the OpenAPI as what it was stored from."""

    def __init__(self, described: Any) -> None:
        self._described = described

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(TypeAdapter(self._described).core_schema)


class ReportOut(Described):
    """A report; its `id` is null when it was asked for with `save=false`."""

    id: UUID | None
    """The id of the report, null when it is not stored."""
    user_id: UUID
    """Who asked for it."""
    report_type: ReportType
    """What it is about."""
    title: Annotated[str, Field(examples=["Transactions in January 2026"])]
    """Its title."""
    parameters: Annotated[dict[str, str], Field(examples=[{"start_date": "2026-01-01", "end_date": "2026-01-31"}])]
    """What was asked for."""
    report_data: Annotated[dict[str, Any], _DescribedAs(AnyReportData)]
    """Its figures."""
    created_at: Timestamp
    """When it was made."""

    @classmethod
    def of(cls, report: "Report") -> "ReportOut":
        """The answer for a row."""
        return cls.model_validate(report, from_attributes=True)


class ReportAnswer(Answer):
    """One report."""

    report: ReportOut
    """The report."""


class ReportsAnswer(Answer):
    """A page of reports, newest first; a page of long reports holds fewer than `limit`."""

    reports: list[ReportOut]
    """The reports of this page."""
    pagination: Pagination
    """Where the next page begins."""
