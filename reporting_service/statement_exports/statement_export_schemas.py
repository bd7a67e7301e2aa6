"""Bodies and responses of statement exports."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, field_validator

from reporting_service.statements.statement_schemas import StatementFormat
from shared.core.periods import Timestamp
from shared.core.time_zones import UTC_ZONE, Zone
from shared.web.validation.openapi import Body, Described

if TYPE_CHECKING:
    from reporting_service.reporting_models import StatementExport

KEPT_FOR = timedelta(days=7)
MAX_ACCOUNTS = 50
ExportState = Literal["queued", "running", "ready", "failed"]


class NewStatementExport(Body):
    """The statements to put into one ZIP: of a year, by month, account and format."""

    year: Annotated[int, Field(strict=True, ge=1970, le=9998, examples=[2026])]
    """The year. Months that lie ahead, and those before an account was opened, are left out."""
    formats: Annotated[list[StatementFormat], Field(min_length=1, max_length=5, default_factory=lambda: ["pdf"])]
    """The formats of the documents."""
    account_ids: Annotated[list[UUID], Field(max_length=MAX_ACCOUNTS, default_factory=list)]
    """The user's accounts; all if there are none."""
    tz: Zone = UTC_ZONE
    """The time zone in which days and months begin, by its IANA name."""

    @field_validator("account_ids", "formats")
    @classmethod
    def _once_each(cls, values: list[Any]) -> list[Any]:
        if len(set(values)) < len(values):
            raise ValueError("must name each only once")
        return values


class StatementExportOut(Described):
    """A statement export: its content and its progress."""

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

    @classmethod
    def of(cls, export: "StatementExport") -> Self:
        """Convert a stored export."""
        return cls(
            id=export.id,
            state=export.state,
            done=export.done,
            total=export.total,
            progress=100 * export.done // export.total,
            year=export.year,
            formats=export.formats,
            account_ids=export.account_ids,
            time_zone=export.time_zone,
            failure=export.failure,
            size_bytes=export.size_bytes,
            created_at=export.created_at,
            finished_at=export.finished_at,
            expires_at=export.finished_at and export.finished_at + KEPT_FOR,
        )
