"""Requests and responses of the till endpoints, which only the transaction service calls. Amounts are minor units."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from shared.core.periods import Timestamp
from shared.core.texts import masked
from shared.web.cursors import Page
from shared.web.validation.openapi import Body, Described, Query

TillStatus = Literal["open", "closed"]
Cash = Annotated[int, Field(ge=0, le=10**15)]


class NewTill(Body):
    """The till to open."""

    user_id: UUID
    """The employee."""
    float_minor: Cash
    """The cash that the vault puts into it, in minor units."""
    idempotency_key: Annotated[str, Field(max_length=255)] | None = None
    """The employee's idempotency key, which opens only one till."""


class TillCount(Body):
    """The counted cash of a till that is to be closed."""

    closed_by: UUID
    """The user who closes the till."""
    counted_minor: Cash
    """The counted cash, in minor units."""


class OwnedTillsQuery(Page):
    """Filters of the list of tills."""

    user_id: UUID | None = None
    """Only tills of this employee."""
    status: TillStatus | None = None
    """Only tills with this status."""


class AccountQuery(Query):
    """The account to find, by its id or by its number."""

    account_id: UUID | None = None
    """The id of the account."""
    account_number: Annotated[str, Field(max_length=20, examples=["1234567897"])] | None = None
    """The complete account number, ten digits."""


class TillRow(Described):
    """A till with all that is known about it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    """The id of the till."""
    user_id: UUID
    """The employee."""
    status: TillStatus
    """Whether it is open."""
    float_minor: int
    """The cash that the vault put into it."""
    cash_minor: int
    """The cash that it should hold now; nothing when it is closed."""
    opened_at: Timestamp
    """When it was opened."""
    closed_at: Timestamp | None
    """When it was closed."""
    closed_by: UUID | None
    """The user who closed it."""
    counted_minor: int | None
    """The cash that was counted when it was closed."""
    difference_minor: int | None
    """The counted minus the expected cash."""


class CashMovement(Described):
    """One posting of a till: positive when it put cash into the till."""

    model_config = ConfigDict(from_attributes=True)

    sequence: int
    """The position of the posting in the ledger."""
    transaction_id: UUID
    """The id of the transaction. A float or a count has an id as well, but no transaction that can be read."""
    transaction_type: Annotated[str, Field(examples=["deposit"])]
    """The type of the posting; `till` for a float, a difference, or cash that went back to the vault."""
    cash_minor: int
    """The cash that it put into the till; negative when it took cash out."""
    other_account_id: Annotated[str, Field(examples=["00000000-0000-0000-0000-000000000002"])] | None
    """The account on the other side."""
    description: Annotated[str, Field(examples=["Takings of the day"])] | None
    """The description."""
    booked_at: Timestamp
    """When it was booked."""


class FoundAccount(Described):
    """The data of an account that the counter needs."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    """The id of the account."""
    user_id: UUID
    """The id of the owner."""
    account_number: Annotated[str, AfterValidator(masked), Field(examples=["••••7897"])]
    """The account number, masked."""
    status: Annotated[str, Field(examples=["active"])]
    """The status."""
    balance_minor: int
    """The balance in minor units."""
