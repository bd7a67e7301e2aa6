"""The data that reports read from the other services. Amounts are decimal text, as the services return them."""

from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field

from shared.core.money import AmountText
from shared.core.periods import Timestamp
from shared.core.texts import masked
from shared.core.time_zones import LAST_INSTANT, day_start, end_of
from shared.web.validation.openapi import Described


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


class ZonedPeriod(Period):
    """A period whose days begin where a time zone says. In a report it is a `Period`."""

    zone: ZoneInfo
    """The time zone."""

    @property
    def since(self) -> datetime:
        """Return the first instant."""
        return day_start(self.start_date, self.zone)

    @property
    def last_instant(self) -> datetime:
        """Return the last instant, which is included."""
        end = end_of(self.end_date, self.zone)
        return LAST_INSTANT if end is None else end - datetime.resolution


class OfDay(Described):
    """What happened on a day."""

    date: date
    """The day."""


class TypeTotal(Described):
    """The number of transactions of a type and the sum of their amounts, incoming and outgoing."""

    count: int
    """The number of transactions."""
    total: AmountText
    """The sum of their amounts, incoming and outgoing."""


ByType = Annotated[dict[str, TypeTotal], Field(examples=[{"deposit": {"count": 3, "total": "1250.00"}}])]


class InAndOut(Described):
    """The sums of amounts in each direction."""

    income: AmountText
    """The sum of incoming amounts."""
    expense: AmountText
    """The sum of outgoing amounts."""


class DayVolume(TypeTotal, OfDay):
    """The number of transactions of a day and the sum of their amounts, incoming and outgoing."""


class DayTotal(InAndOut, DayVolume):
    """The number and the sums of a day's transactions, with income and expense."""


class Summary(Described):
    """The sums of completed transactions. `by_day` leaves out days without any."""

    count: int
    """The number of transactions."""
    by_type: ByType
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


class Spread(Described):
    """The payments in one direction. A payment reversed in the same period is left out with its reversal.

    `total` minus `reversed` is the income, or the expense.
    """

    count: int
    """The number of payments."""
    total: AmountText
    """The sum of their amounts."""
    reversed: AmountText
    """What reversals gave back of payments that are not in the period."""
    mean: AmountText
    """The mean amount, rounded half up; zero without payments."""
    median: AmountText
    """The median amount, rounded half up; zero without payments."""
    largest: AmountText
    """The largest amount; zero without payments."""


class FlowSums(InAndOut, TypeTotal):
    """The number of transactions in a period, and their sums."""

    net: AmountText
    """Income minus expense."""


class CategoryTotal(Described):
    """The transactions of a category. A reversal has the category of what it reverses, and lowers its sums."""

    count: int
    """The number of transactions."""
    income: AmountText
    """The sum of incoming amounts."""
    expense: AmountText
    """The sum of outgoing amounts."""


ByCategory = Annotated[
    dict[str, CategoryTotal],
    Field(examples=[{"groceries": {"count": 3, "income": "0.00", "expense": "125.00"}}]),
]


class FlowStatistics(Summary):
    """A summary with balances, and with the payments in each direction, all of the moment `as_of`."""

    as_of: Timestamp
    """The moment of all figures."""
    opening_balance: AmountText | None
    """The balance at the start of the first day, of the accounts together; null for some types only."""
    closing_balance: AmountText | None
    """The balance at the end of the last day; null for some types only."""
    balance: AmountText | None
    """The balance at the moment `as_of`; null for some types only."""
    money_in: Spread
    """The incoming payments."""
    money_out: Spread
    """The outgoing payments."""
    by_category: ByCategory
    """Number and sums by category. The transactions without one are `uncategorised`."""
    previous: FlowSums | None
    """The sums of the period before."""


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


class LedgerRow(Described):
    """One entry of an account: the signed amount and the balance after it."""

    amount: AmountText
    """The amount of the entry: negative when money left the account."""
    balance_after: AmountText
    """The balance of the account after the entry."""
    transaction_id: UUID
    """The id of the transaction."""
    timestamp: Timestamp
    """When the entry was booked."""


class TransactionFacts(Described):
    """The transaction of a ledger entry, as the account's owner sees it."""

    id: UUID
    """The id of the transaction."""
    transaction_type: str
    """The type of the transaction."""
    description: str | None
    """The payer's description."""
    from_account_number: str | None
    """The masked number of the account that the money left; null for the bank."""
    from_name: str | None = None
    """The name of its holder, if that is somebody else: masked for customers, whole for staff."""
    to_account_number: str | None
    """The masked number of the account that the money reached; null for the bank."""
    to_name: str | None = None
    """The name of its holder, if that is somebody else: masked for customers, whole for staff."""


class UserCounts(Described):
    """Users, counted by role and by status."""

    total: int
    """The number of all users."""
    by_role: Annotated[dict[str, int], Field(examples=[{"customer": 3}])]
    """The number of users by role."""
    by_status: Annotated[dict[str, int], Field(examples=[{"active": 3}])]
    """The number of users by status."""


class UserStatistics(UserCounts):
    """Users, counted also by role and status together, and those who registered in a period."""

    by_role_and_status: dict[str, dict[str, int]]
    """The number of users by role and status together."""
    created: int
    """The number of users who registered in the period."""
    created_before: int | None
    """The number of users who registered in the period before."""


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
    """The numbers of accounts, also by type and status together, with the sum of all balances."""

    total_balance: AmountText
    """The sum of all balances."""
    by_type_and_status: dict[str, dict[str, TypeHolding]]
    """Number and sum of balances by account type and status together."""
    created: int
    """The number of accounts that were opened in the period."""
    created_before: int | None
    """The number of accounts that were opened in the period before."""


class VolumeTotals(Described):
    """The numbers and sums of the whole bank's completed transactions."""

    count: int
    """The number of transactions."""
    by_type: ByType
    """Number and sum by transaction type."""
    by_day: list[DayVolume]
    """Number and sums by day."""


class DayVolumes(OfDay):
    """The transactions of a day by type."""

    by_type: ByType
    """Number and sum by transaction type."""


class Volumes(VolumeTotals):
    """The same by day and type together, and the sums of the period before, all of the moment `as_of`."""

    by_day_and_type: list[DayVolumes]
    """Number and sums by day and type."""
    previous: TypeTotal | None
    """Number and sum of the period before."""
    as_of: Timestamp
    """The moment of all figures."""
