"""The query of a receipt, and its model."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from reporting_service.documents.document_schemas import Bank
from shared.core.time_zones import UTC_ZONE, Zone
from shared.web.validation.openapi import Query


class ReceiptQuery(Query):
    """The form of a receipt."""

    format: Literal["pdf"] = "pdf"
    """The format of the document."""
    tz: Zone = UTC_ZONE
    """The time zone of the time of the payment, by its IANA name."""


@dataclass(frozen=True)
class Side:
    """One side of a payment: its owner's name, if known, and the masked number of the account."""

    name: str | None
    number: str | None


@dataclass(frozen=True)
class Receipt:
    """All that a receipt says. A side without an account is the bank's. `amount` is decimal text."""

    bank: Bank
    id: UUID
    transaction_type: str
    amount: str
    currency: str
    description: str | None
    booked_at: datetime
    zone: ZoneInfo
    source: Side | None
    target: Side | None
    reverses: str | None
    reversed_by: str | None
