"""Queries and responses of the reporting service. Amounts are decimal text."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from uuid import UUID

from pydantic import Field, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from reporting_service.source_schemas import (
    AccountCounts,
    AccountFacts,
    ByCategory,
    ByType,
    DayVolumes,
    FlowSums,
    LedgerRow,
    OfDay,
    Period,
    Spread,
    Summary,
    TypeHolding,
    TypeTotal,
    UserCounts,
    VolumeTotals,
)
from shared.core.money import AmountText
from shared.core.periods import Day, Timestamp
from shared.core.time_zones import UTC_ZONE, Zone, ZoneName
from shared.web.validation.openapi import Described, Query

if TYPE_CHECKING:
    from reporting_service.reporting_models import Report

_T = TypeVar("_T")
Format = Literal["json", "csv", "pdf"]
ReportType = Literal["account", "transaction", "system"]
Grouping = Literal["day", "week", "month"]
Preset = Literal["this_month", "last_month", "this_quarter", "last_quarter", "this_year", "last_year"]
TransactionType = Literal["deposit", "withdrawal", "transfer", "reversal"]


class DetailsQuery(Query):
    """The form of a stored report."""

    format: Format = "json"
    """The form of the answer: JSON, or a document to download."""


class MakingQuery(DetailsQuery):
    """How a report is made, in which form, and whether it is stored."""

    tz: Zone = UTC_ZONE
    """The time zone in which days begin, by its IANA name. It also decides which day today is."""
    save: bool = True
    """Whether to store the report. A report that is not stored has no id."""


class ReportQuery(MakingQuery):
    """The period of a report, both days included. By default it is the thirty days that end today.

    With `save=false` the report is returned but not stored, and has no id.
    """

    start_date: Day | None = None
    """The first day. The default is 29 days before `end_date`."""
    end_date: Day | None = None
    """The last day. The default is today."""
    group: Grouping | None = None
    """How the days are grouped. The default depends on the length of the period."""


class HistoryRow(LedgerRow):
    """One entry of an account: the signed amount, the balance after it, and its transaction."""

    transaction_type: Annotated[str, Field(examples=["transfer"])]
    """The type of the transaction."""
    description: Annotated[str, Field(examples=["Rent for January"])] | None
    """The payer's description."""
    counterparty: Annotated[str, Field(examples=["••••7897"])] | None
    """The masked number of the account on the other side; null when that is the bank."""
    counterparty_name: Annotated[str, Field(examples=["Ada L."])] | None
    """The name of its holder, if that is somebody else: masked for customers, whole for staff."""


class Group(Period, FlowSums):
    """The transactions of a day, a week from Monday on, or a month. The first and the last one may be partial."""


class VolumeGroup(Period, TypeTotal):
    """The transactions of the whole bank in a day, a week from Monday on, or a month."""


class PreviousFlows(FlowSums):
    """The period before, with its sums. A period of whole months is compared with the same number of months."""

    period: Period
    """The days of the period before."""


class Flows(Described):
    """What reports on one account and on all accounts of a user have in common."""

    as_of: Timestamp
    """The moment of all figures."""
    time_zone: ZoneName
    """The time zone in which the days begin."""
    money_in: Spread
    """The incoming payments: number, sum, mean, median and largest."""
    money_out: Spread
    """The outgoing payments: number, sum, mean, median and largest."""
    by_category: ByCategory
    """Number and sums by the category of the accounts' owner. The transactions without one are `uncategorised`."""
    grouping: Grouping
    """How `groups` are made."""
    groups: list[Group]
    """The sums by day, week or month, without a gap."""
    previous: PreviousFlows | None
    """The period before; null if there is none."""


class BalancePoint(OfDay):
    """The balance at the end of a day."""

    balance: AmountText
    """The balance at the end of the day."""


class AccountReportData(Flows):
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
    by_type: ByType
    """Number and sum by transaction type."""
    history: list[HistoryRow]
    """The newest 1,000 entries, newest first."""
    balance_trend: list[BalancePoint]
    """The balance at the end of each day."""


class TransactionReportData(Summary, Flows):
    """All accounts of a user over a period. Transfers between own accounts are neither income nor expense.

    `average` and `largest` are of all transactions, in and out alike; `money_in` and `money_out` tell them apart.
    """

    period: Period
    """The days of the report."""
    opening_balance: AmountText | None
    """The balance of the accounts together at the start of the first day; null for some types only."""
    closing_balance: AmountText | None
    """The balance of the accounts together at the end of the last day; null for some types only."""


class Growth(Described):
    """A number in the period of a report and in the period before."""

    current: int
    """The number in the period."""
    previous: int
    """The number in the period before."""


class AmountGrowth(Described):
    """An amount in the period of a report and in the period before."""

    current: AmountText
    """The amount in the period."""
    previous: AmountText
    """The amount in the period before."""


class BankGrowth(Described):
    """What was added in the period, beside the period before."""

    period: Period
    """The days of the period before."""
    users: Growth
    """The users who registered."""
    accounts: Growth
    """The accounts that were opened."""
    transactions: Growth
    """The completed transactions."""
    volume: AmountGrowth
    """The sum of their amounts."""


class SystemReportData(Described):
    """The whole bank: users and accounts at the time of the report, transactions over the period."""

    period: Period
    """The days of the report."""
    as_of: Timestamp
    """The moment of the figures."""
    time_zone: ZoneName
    """The time zone in which the days begin."""
    users: UserCounts
    """The numbers of users."""
    users_by_role_and_status: Annotated[dict[str, dict[str, int]], Field(examples=[{"customer": {"active": 3}}])]
    """The number of users by role and status together."""
    accounts: AccountCounts
    """The numbers of accounts and the sums of their balances."""
    accounts_by_type_and_status: Annotated[
        dict[str, dict[str, TypeHolding]],
        Field(examples=[{"checking": {"active": {"count": 3, "balance": "1250.00"}}}]),
    ]
    """Number and sum of balances by account type and status together."""
    total_balance: AmountText
    """The sum of all balances."""
    transactions: VolumeTotals
    """The numbers and sums of completed transactions."""
    volumes_by_day: list[DayVolumes]
    """The numbers and sums of completed transactions by day and type."""
    grouping: Grouping
    """How `groups` are made."""
    groups: list[VolumeGroup]
    """The numbers and sums by day, week or month, without a gap."""
    growth: BankGrowth | None
    """What was added, beside the period before; null if there is none."""


AnyReportData = AccountReportData | TransactionReportData | SystemReportData


def once_each(values: list[_T]) -> list[_T]:
    """Return the values of a field. Raises ValueError when one of them is there twice."""
    if len(set(values)) < len(values):
        raise ValueError("must name each only once")
    return values


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
