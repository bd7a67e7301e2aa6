"""Queries and answers of the reporting service, and what it reads from the others. Money is decimal text."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from shared.cursors import Pagination
from shared.openapi import Answer
from shared.periods import Day, Timestamp

if TYPE_CHECKING:
    from reporting_service.reporting_models import Report

ReportType = Literal["account", "transaction", "system"]


class ReportQuery(BaseModel):
    """The period of a report, both days included: by default the thirty days up to `end_date`, which is today's.

    With `save=false` the report is only answered; it is not stored and has no id.
    """

    start_date: Day | None = None
    end_date: Day | None = None
    save: bool = True


class Period(BaseModel):
    """The days of a report, both ends included."""

    model_config = ConfigDict(frozen=True)

    start_date: date
    end_date: date

    @property
    def length_days(self) -> int:
        """How many days."""
        return (self.end_date - self.start_date).days + 1

    @property
    def days(self) -> list[date]:
        """Each day, first to last."""
        return [self.start_date + timedelta(days=number) for number in range(self.length_days)]


class TypeTotal(BaseModel):
    """How many transactions of a type, and the sum of their amounts, in and out alike."""

    count: int
    total: str


class DayVolume(BaseModel):
    """How many transactions on a day, and the sum of their amounts, in and out alike."""

    date: date
    count: int
    total: str


class DayTotal(DayVolume):
    """The same, with what came in and what went out."""

    income: str
    expense: str


class Summary(BaseModel):
    """Completed transactions, summed up; `by_day` leaves out days without any."""

    count: int
    by_type: dict[str, TypeTotal]
    income: str
    expense: str
    net: str
    average: str
    largest: str
    by_day: list[DayTotal]


class AccountFacts(BaseModel):
    """An account; of its number only the last digits, because reports are kept and shown to admins."""

    id: UUID
    user_id: UUID
    account_number: Annotated[str, AfterValidator(lambda number: f"••••{number[-4:]}")]
    account_type: str
    nickname: str | None
    balance: str
    currency: str
    status: str
    created_at: Timestamp


class HistoryRow(BaseModel):
    """One entry of an account: signed amount, and the balance after it."""

    amount: str
    balance_after: str
    transaction_id: UUID
    timestamp: Timestamp


class BalancePoint(BaseModel):
    """The balance at the end of a day."""

    date: date
    balance: str


class AccountReportData(BaseModel):
    """One account over a period. `history` shows the newest 1,000 of `count` entries."""

    account: AccountFacts
    period: Period
    opening_balance: str
    closing_balance: str
    income: str
    expense: str
    net: str
    count: int
    by_type: dict[str, TypeTotal]
    history: list[HistoryRow]
    balance_trend: list[BalancePoint]


class TransactionReportData(Summary):
    """All accounts of a person over a period; what they moved between their own accounts is neither in nor out."""

    period: Period


class UserStatistics(BaseModel):
    """All people, counted."""

    total: int
    by_role: dict[str, int]
    by_status: dict[str, int]


class TypeHolding(BaseModel):
    """How many accounts of a type, and what they hold together."""

    count: int
    balance: str


class AccountCounts(BaseModel):
    """All accounts, counted."""

    total: int
    by_type: dict[str, TypeHolding]
    by_status: dict[str, int]


class AccountStatistics(AccountCounts):
    """The same, with what all accounts hold together."""

    total_balance: str


class Volumes(BaseModel):
    """The completed transactions of the whole bank."""

    count: int
    by_type: dict[str, TypeTotal]
    by_day: list[DayVolume]


class SystemReportData(BaseModel):
    """The whole bank: people and accounts as they are now, transactions over a period."""

    period: Period
    users: UserStatistics
    accounts: AccountCounts
    total_balance: str
    transactions: Volumes


AnyReportData = AccountReportData | TransactionReportData | SystemReportData


class _DescribedAs:
    """A JSON object that is passed on as it was stored, and described in the OpenAPI as what it was stored from."""

    def __init__(self, described: Any) -> None:
        self._described = described

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(TypeAdapter(self._described).core_schema)


class ReportOut(BaseModel):
    """A report; its `id` is null when it was asked for with `save=false`."""

    id: UUID | None
    user_id: UUID
    report_type: ReportType
    title: str
    parameters: dict[str, str]
    report_data: Annotated[dict[str, Any], _DescribedAs(AnyReportData)]
    created_at: Timestamp

    @classmethod
    def of(cls, report: "Report") -> "ReportOut":
        """The answer for a row."""
        return cls.model_validate(report, from_attributes=True)


class ReportAnswer(Answer):
    """One report."""

    report: ReportOut


class ReportsAnswer(Answer):
    """A page of reports, newest first; a page of long reports holds fewer than `limit`."""

    reports: list[ReportOut]
    pagination: Pagination
