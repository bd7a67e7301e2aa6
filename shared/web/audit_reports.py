"""Entries of the audit trail as one service reports them to the service that keeps the trail."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from shared.core.texts import Matching
from shared.web.validation.openapi import Body

Outcome = Literal["success", "failure", "refused"]
Action = Annotated[
    str,
    Matching(r"[a-z_]+(\.[a-z_]+)*", "must be small letters and underscores in parts separated by dots"),
    Field(max_length=60, examples=["account.freeze"]),
]
MAX_REPORTED = 200


class ReportedEntry(Body):
    """What somebody did, tried or saw at another service."""

    id: UUID
    """The reporting service's id of the entry. The same id adds it once."""
    action: Action
    """What was done."""
    outcome: Outcome = "success"
    """Whether it worked, failed, or was refused."""
    actor_id: UUID | None = None
    """The id of the user who did it."""
    actor: Annotated[str, Field(max_length=100, examples=["grace.hopper"])] | None = None
    """The username of the actor; filled in when missing."""
    subject_id: UUID | None = None
    """The id of the user whom it concerns."""
    subject: Annotated[str, Field(max_length=100, examples=["ada.lovelace"])] | None = None
    """The username of the subject; filled in when missing."""
    address: Annotated[str, Field(max_length=45, examples=["203.0.113.7"])] = ""
    """The IP address of the actor's program."""
    user_agent: Annotated[str, Field(max_length=200, examples=["Mozilla/5.0"])] = ""
    """The User-Agent header of the actor's program."""
    request_id: Annotated[str, Field(max_length=64, examples=["8f3c2d1e"])] | None = None
    """The id of the request."""
    details: Annotated[dict[str, Any], Field(default_factory=dict, examples=[{"account": "••••1234"}])]
    """What else is known, depending on the action."""
    timestamp: AwareDatetime
    """When it was done."""


class ReportedEntries(Body):
    """Entries of the audit trail, oldest first."""

    entries: Annotated[list[ReportedEntry], Field(min_length=1, max_length=MAX_REPORTED)]
    """The entries to add."""
