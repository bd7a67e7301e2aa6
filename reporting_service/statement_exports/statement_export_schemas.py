"""Bodies and responses of statement exports."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from reporting_service.reporting_schemas import once_each
from reporting_service.statements.statement_schemas import StatementFormat
from shared.core.periods import Timestamp
from shared.core.time_zones import UTC_ZONE, Zone
from shared.web.validation.openapi import Body, Described

MAX_ACCOUNTS = 50
ExportState = Literal["queued", "running", "ready", "failed"]


class NewStatementExport(Body):
    """The statements to put into one ZIP: of a year, by month, account and format."""

    year: Annotated[int, Field(strict=True, ge=1970, le=9998, examples=[2026])]
    """The year. Months that lie ahead, and those before an account was opened, are left out."""
    formats: Annotated[
        list[StatementFormat],
        Field(min_length=1, max_length=5, default_factory=lambda: ["pdf"]),
        AfterValidator(once_each),
    ]
    """The formats of the documents."""
    account_ids: Annotated[list[UUID], Field(max_length=MAX_ACCOUNTS, default_factory=list), AfterValidator(once_each)]
    """The user's accounts; all if there are none."""
    tz: Zone = UTC_ZONE
    """The time zone in which days and months begin, by its IANA name."""


class StatementExportOut(Described):
    """A statement export: its content and its progress."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    """The id of the export."""
    state: ExportState
    """Whether it waits, is being made, can be downloaded, or has failed."""
    done: int
    """The number of finished statements."""
    total: int
    """The number of all its statements."""
    progress: Annotated[int, Field(ge=0, le=100, examples=[50])]
    """The progress in percent."""
    year: int
    """The year."""
    formats: list[StatementFormat]
    """The formats of the documents."""
    account_ids: list[UUID]
    """The accounts."""
    time_zone: Annotated[str, Field(examples=["UTC"])]
    """The time zone in which months begin."""
    failure: Annotated[str, Field(examples=["The service was restarted. Please ask for the export again."])] | None
    """Why it failed."""
    size_bytes: int | None
    """The size of the ZIP, once it is ready."""
    created_at: Timestamp
    """When it was asked for."""
    finished_at: Timestamp | None
    """When it was ready, or failed."""
    expires_at: Timestamp | None
    """When it is removed."""
