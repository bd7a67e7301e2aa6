"""The bodies, the query and the fields of requests that wait for a second person, in all services."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator
from pydantic_core import from_json

from shared.core.periods import Timestamp
from shared.core.texts import NOT_BLANK, Line
from shared.web.cursors import Page
from shared.web.validation.openapi import Body, Described
from shared.web.validation.ranges import TimeRange

ApprovalStatus = Literal["pending", "approved", "rejected", "expired"]
AskedReason = Annotated[
    Line, Field(min_length=1, max_length=200, examples=["Joins the team at the counter"]), NOT_BLANK
]
"""The reason for a change that may wait for a second person."""


class ApprovalPage(Page, TimeRange):
    """Filters of a list of requests; all must match. `from` and `to` are when they were made."""

    status: ApprovalStatus | None = None
    """Only requests with this status."""
    subject_id: UUID | None = None
    """Only requests about this person or account."""
    asked_by: UUID | None = None
    """Only requests of this person."""
    asked_by_name: Annotated[Line, Field(min_length=1, max_length=100, examples=["grace"])] | None = None
    """Filter by a part of the username of the person who asked, regardless of case."""


class Rejection(Body):
    """Why a request is rejected."""

    reason: Annotated[
        Line, Field(min_length=1, max_length=200, examples=["The customer has agreed to the payment"]), NOT_BLANK
    ]
    """The reason, which the person who asked can read."""


class ApprovalFields(Described):
    """The fields of every request."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    """The id of the request."""
    status: ApprovalStatus
    """The state of the request; it expires after seven days."""
    request: Annotated[
        dict[str, Any],
        Field(validation_alias="body", examples=[{"role": "employee", "reason": "Joins the team at the counter"}]),
    ]
    """What is asked for, and why: the body of the request."""
    asked_by: UUID
    """The id of the person who asked."""
    asked_by_name: Annotated[str, Field(examples=["grace.hopper"])]
    """The username of the person who asked."""
    asked_at: Timestamp
    """When it was asked."""
    expires_at: Timestamp
    """Until when it can be decided."""
    decided_by: UUID | None
    """The id of the person who decided."""
    decided_by_name: Annotated[str, Field(examples=["ada.lovelace"])] | None
    """The username of the person who decided."""
    decided_at: Timestamp | None
    """When it was decided."""
    reason: Annotated[str, Field(examples=["Not before the training is over"])] | None
    """Why it was rejected."""

    @field_validator("request", mode="before")
    @classmethod
    def _read_stored_text(cls, value: Any) -> Any:
        return from_json(value) if isinstance(value, str) else value
