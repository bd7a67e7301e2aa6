"""The query of a statement, its model, from which every format is written, and its JSON form."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal, NamedTuple
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from pydantic import Field

from reporting_service.documents.document_schemas import Bank
from shared.core.money import AmountText, Currency
from shared.core.periods import DayOrInstant, Timestamp
from shared.core.time_zones import UTC_ZONE, Month, Zone, day_of
from shared.web.validation.openapi import Described, Query

StatementFormat = Literal["json", "pdf", "csv", "ofx", "camt053"]
_TITLES = {"deposit": "Deposit", "withdrawal": "Withdrawal", "reversal": "Reversal"}


class StatementQuery(Query):
    """The period of a statement, either a month or a range, and the format."""

    month: Month | None = None
    """The month. Give either this, or both `from` and `to`."""
    since: Annotated[DayOrInstant | None, Field(alias="from")] = None
    """The first day or instant."""
    until: Annotated[DayOrInstant | None, Field(alias="to")] = None
    """The last day or instant, included."""
    format: StatementFormat = "json"
    """The format of the document."""
    tz: Zone = UTC_ZONE
    """The time zone in which days and months begin, by its IANA name."""


@dataclass(frozen=True)
class StatementPeriod:
    """The instants with `start <= instant < end`, and the zone that decides the days. `month` is set for a month."""

    start: datetime
    end: datetime
    zone: ZoneInfo
    month: str | None = None

    @property
    def start_date(self) -> date:
        """Return the first day."""
        return day_of(self.start, self.zone)

    @property
    def end_date(self) -> date:
        """Return the last day."""
        return day_of(self.last_instant, self.zone)

    @property
    def last_instant(self) -> datetime:
        """Return the last instant, by the resolution of the ledger, a microsecond."""
        return self.end - datetime.resolution

    @property
    def label(self) -> str:
        """Return the month, or both days, as file names and ids contain them."""
        return self.month or f"{self.start_date}-to-{self.end_date}"


@dataclass(frozen=True)
class StatementAccount:
    """The account of a statement. Its number is whole for the owner and masked for staff."""

    id: UUID
    number: str
    account_type: str
    nickname: str | None
    currency: Currency
    is_own: bool


class StatementEntry(NamedTuple):
    """One entry: `amount_minor` is negative when money left the account, `balance_minor` is the balance after it."""

    id: str
    day: date
    booked_at: datetime
    transaction_type: str
    description: str | None
    other_number: str | None
    other_name: str | None
    amount_minor: int
    balance_minor: int

    @property
    def title(self) -> str:
        """Return what kind of entry this is, and with whom: "Transfer to Ada L., ••••7897"."""
        if self.transaction_type != "transfer":
            return _TITLES.get(self.transaction_type, self.transaction_type.capitalize())
        other = ", ".join(part for part in (self.other_name, self.other_number) if part)
        return f"Transfer {'to' if self.amount_minor < 0 else 'from'} {other}"

    @property
    def text(self) -> str:
        """Return the payer's description, or the title when there is none."""
        return self.description or self.title


@dataclass
class Totals:
    """The sums of the entries of a statement in minor units.

    A reversal nets against what it reverses: money taken back lowers `income_minor`, money given back lowers
    `expense_minor`, so either may be negative. Credits and debits are counted by the sign of the entry alone.
    """

    credits: int = 0
    credit_minor: int = 0
    debits: int = 0
    debit_minor: int = 0
    income_minor: int = 0
    expense_minor: int = 0

    @property
    def count(self) -> int:
        """Return the number of entries."""
        return self.credits + self.debits

    @property
    def net_minor(self) -> int:
        """Return income minus expense, by which the closing balance differs from the opening balance."""
        return self.income_minor - self.expense_minor

    def add(self, entry: StatementEntry) -> None:
        """Count an entry."""
        is_credit, amount_minor = entry.amount_minor > 0, abs(entry.amount_minor)
        if is_credit:
            self.credits += 1
            self.credit_minor += amount_minor
        else:
            self.debits += 1
            self.debit_minor += amount_minor
        is_reversal = entry.transaction_type == "reversal"
        if is_credit != is_reversal:
            self.income_minor += entry.amount_minor
        else:
            self.expense_minor -= entry.amount_minor


@dataclass(frozen=True)
class Statement:
    """All that a statement says; every format is written from it.

    `entries` can be iterated several times and is not held in memory. `as_of` is the moment of all figures: the last
    instant of the period, or, when the statement is not final, the booking of the newest entry.
    """

    bank: Bank
    holder: str
    account: StatementAccount
    period: StatementPeriod
    as_of: datetime
    is_final: bool
    opening_minor: int
    closing_minor: int
    totals: Totals
    entries: Iterable[StatementEntry]

    @property
    def id(self) -> str:
        """Return an id of 32 hexadecimal digits, the same for the same account and period."""
        period = self.period
        return uuid5(self.account.id, f"{period.start.isoformat()}/{period.end.isoformat()}/{period.zone.key}").hex


class AccountOnStatement(Described):
    """The account of a statement."""

    id: UUID
    """The id of the account."""
    account_number: Annotated[str, Field(examples=["1234567897"])]
    """The account number: whole for the owner, masked for staff."""
    account_type: Annotated[str, Field(examples=["checking"])]
    """The account type."""
    nickname: Annotated[str, Field(examples=["Holidays"])] | None
    """The owner's own name for the account."""
    currency: Annotated[str, Field(examples=["USD"])]
    """The currency of all amounts, by its ISO 4217 code."""


class PeriodOnStatement(Described):
    """The period of a statement, both ends included."""

    start_date: date
    """The first day."""
    end_date: date
    """The last day."""
    time_zone: Annotated[str, Field(examples=["UTC"])]
    """The time zone in which the days begin."""


class EntryOnStatement(Described):
    """One entry of a statement."""

    id: UUID
    """The id of the transaction."""
    date: date
    """The day of the booking, in the time zone of the statement."""
    description: Annotated[str, Field(examples=["Rent for January"])]
    """The payer's description, or the kind of the transaction when there is none."""
    counterparty: Annotated[str, Field(examples=["Ada L."])] | None
    """The name of the other side's holder, if that is somebody else: masked for customers, whole for staff."""
    amount: AmountText
    """The amount: negative when money left the account."""
    balance: AmountText
    """The balance after the entry."""


class StatementHead(Described):
    """A statement without its entries."""

    account: AccountOnStatement
    """The account."""
    holder: Annotated[str, Field(examples=["Ada Lovelace"])]
    """The name of the account's owner."""
    period: PeriodOnStatement
    """The period."""
    as_of: Timestamp
    """The moment of all figures: the end of the period, or the newest entry while the statement is not final."""
    is_final: bool
    """Whether the period is over and settled, so that the figures never change."""
    opening_balance: AmountText
    """The balance at the start of the period."""
    closing_balance: AmountText
    """The balance at the end: the opening balance plus all amounts."""
    income: AmountText
    """The sum of incoming amounts, without what was taken back."""
    expense: AmountText
    """The sum of outgoing amounts, without what was given back."""
    net: AmountText
    """Income minus expense."""
    count: int
    """The number of entries."""


class StatementOut(StatementHead):
    """A statement."""

    entries: list[EntryOnStatement]
    """All entries of the period, oldest first."""
