"""Request bodies, queries and responses of the counter."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field

from shared.core.ids import GivenId
from shared.core.money import MAX_AMOUNT, Amount, AmountBound, AmountText, Currency
from shared.core.periods import Timestamp
from shared.web.cursors import Page
from shared.web.validation.openapi import Body, Described
from transaction_service.transaction_schemas import Description

TillStatus = Literal["open", "closed"]


def _require_possible(amount: Decimal) -> Decimal:
    if amount > MAX_AMOUNT:
        raise ValueError(f"must be at most {MAX_AMOUNT:,}")
    return amount


CountedCash = Annotated[AmountBound, AfterValidator(_require_possible)]
"""An amount of cash, which may be zero."""


class CounterMovement(Body):
    """A cash deposit into, or a cash withdrawal from, the account of a customer at the counter."""

    account_id: GivenId | None = None
    """The customer's account, by its id. Give either this or the number."""
    account_number: Annotated[str, Field(max_length=20, examples=["1234567897"])] | None = None
    """The customer's account, by its number. Give either this or the id."""
    amount: Amount
    """The amount, in the bank's currency."""
    description: Description | None = None
    """What it is for, which the customer can read. Without it, it says that cash was paid in or out at the counter."""


class TillFloat(Body):
    """The cash that a till begins with."""

    opening_cash: Annotated[CountedCash, Field(alias="float", examples=["500.00"])]
    """The cash that the vault puts into the till; it may be zero."""


class CashCount(Body):
    """The count of a till that is to be closed."""

    counted: Annotated[CountedCash, Field(examples=["512.50"])]
    """The cash that was counted in the till; it may be zero."""


class TillsQuery(Page):
    """Filters of the list of tills. Only admins see those of others."""

    user_id: UUID | None = None
    """Only tills of this employee."""
    status: TillStatus | None = None
    """Only tills with this status."""


@dataclass(frozen=True)
class Till:
    """A till as the ledger knows it. Amounts are minor units; `cash_minor` is what it should hold now."""

    id: UUID
    user_id: UUID
    status: TillStatus
    float_minor: int
    cash_minor: int
    opened_at: datetime
    closed_at: datetime | None
    closed_by: UUID | None
    counted_minor: int | None
    difference_minor: int | None


@dataclass(frozen=True)
class CustomerAccount:
    """The data of an account that the counter needs. The number is masked."""

    id: UUID
    user_id: UUID
    account_number: str
    status: str
    balance_minor: int


class AskedWithdrawal(BaseModel):
    """A withdrawal that waits for a second person, as it is stored. The account number is masked."""

    account_id: UUID
    account_number: str
    user_id: UUID
    amount_minor: int
    description: str


@dataclass(frozen=True)
class Movement:
    """A posting of a till. `cash_minor` is positive when it put cash into the till."""

    sequence: int
    transaction_id: UUID
    transaction_type: str
    cash_minor: int
    other_account_id: UUID | None
    description: str | None
    booked_at: datetime


class TillOut(Described):
    """A till: the cash of an employee at the counter."""

    id: UUID
    """The id of the till."""
    user_id: UUID
    """The employee whose till it is."""
    user_name: Annotated[str, Field(examples=["Grace Hopper"])] | None
    """The employee's name; null while names are not available."""
    status: TillStatus
    """Whether it is open."""
    currency: Annotated[str, Field(examples=["USD"])]
    """The currency, by its ISO 4217 code."""
    opening_cash: Annotated[AmountText, Field(serialization_alias="float")]
    """The cash that it began with."""
    expected_cash: AmountText
    """The cash that it should hold: float plus deposits minus withdrawals. Closed, it is what it should have held."""
    counted: AmountText | None
    """The cash that was counted when it was closed."""
    difference: AmountText | None
    """The counted minus the expected cash, which was booked to the account of cash over and short."""
    opened_at: Timestamp
    """When it was opened."""
    closed_at: Timestamp | None
    """When it was closed."""
    closed_by: UUID | None
    """Who closed it."""

    @classmethod
    def of(cls, till: Till, currency: Currency, user_name: str | None) -> "TillOut":
        """Return the response for a till."""
        counted, difference = till.counted_minor, till.difference_minor
        expected = till.cash_minor if counted is None or difference is None else counted - difference
        return cls(
            id=till.id,
            user_id=till.user_id,
            user_name=user_name,
            status=till.status,
            currency=currency.code,
            opening_cash=currency.to_text(till.float_minor),
            expected_cash=currency.to_text(expected),
            counted=None if counted is None else currency.to_text(counted),
            difference=None if difference is None else currency.to_text(difference),
            opened_at=till.opened_at,
            closed_at=till.closed_at,
            closed_by=till.closed_by,
        )


class MovementOut(Described):
    """One change of the cash of a till."""

    transaction_id: UUID | None
    """The transaction; null for a float, a difference, or cash that went back to the vault."""
    cash: AmountText
    """The cash that was put into the till; negative when it was taken out."""
    description: Annotated[str, Field(examples=["Takings of the day"])] | None
    """The description."""
    timestamp: Timestamp
    """When it was booked."""

    @classmethod
    def of(cls, movement: Movement, currency: Currency) -> "MovementOut":
        """Return the response for a posting."""
        return cls(
            transaction_id=None if movement.transaction_type == "till" else movement.transaction_id,
            cash=currency.to_text(movement.cash_minor),
            description=movement.description,
            timestamp=movement.booked_at,
        )
