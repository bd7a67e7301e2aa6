"""Bodies and responses of custom reports."""

from datetime import date
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from reporting_service.reporting_schemas import Grouping, Preset, TransactionReportData, TransactionType, once_each
from reporting_service.source_schemas import AccountFacts
from shared.core.periods import Day, Timestamp
from shared.core.texts import NOT_BLANK, Line
from shared.web.validation.openapi import Body, Described

if TYPE_CHECKING:
    from reporting_service.reporting_models import CustomReport

MAX_ACCOUNTS = 20


class NewCustomReport(Body):
    """What to report on, and the name to keep it under. The period is a preset, or a first and a last day."""

    name: Annotated[Line, Field(min_length=1, max_length=60), NOT_BLANK]
    """The name, unique among the user's custom reports."""
    account_ids: Annotated[list[UUID], Field(max_length=MAX_ACCOUNTS, default_factory=list), AfterValidator(once_each)]
    """The user's accounts to report on; all if there are none."""
    types: Annotated[list[TransactionType], Field(max_length=4, default_factory=list), AfterValidator(once_each)]
    """The types of transactions to report on; all if there are none."""
    preset: Preset | None = None
    """A period that moves on with the calendar."""
    start_date: Day | None = None
    """The first day, if there is no preset."""
    end_date: Day | None = None
    """The last day, if there is no preset."""
    group: Grouping | None = None
    """How the days are grouped. The default depends on the length of the period."""


class CustomReportData(TransactionReportData):
    """A transaction report on some accounts or some types only."""

    accounts: list[AccountFacts]
    """The accounts; all of the user's if there are none."""
    types: list[TransactionType]
    """The types of transactions; all if there are none."""


class CustomReportOut(Described):
    """A custom report."""

    id: UUID
    """The id of the custom report."""
    name: Annotated[str, Field(examples=["Rent and groceries"])]
    """The name."""
    account_ids: list[UUID]
    """The accounts to report on; all if there are none."""
    types: list[TransactionType]
    """The types of transactions to report on; all if there are none."""
    preset: Preset | None
    """The period that moves on with the calendar; null if it has fixed days."""
    start_date: date | None
    """The first day; null with a preset."""
    end_date: date | None
    """The last day; null with a preset."""
    group: Grouping | None
    """How the days are grouped; null for what suits the period."""
    created_at: Timestamp
    """When the custom report was made."""

    @classmethod
    def of(cls, row: "CustomReport") -> "CustomReportOut":
        """Return the response for a row."""
        return cls.model_validate({**row.choice, "id": row.id, "name": row.name, "created_at": row.created_at})
