"""Queries and responses of the audit trail."""

import json
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from pydantic import Field

from shared.core.periods import Timestamp
from shared.core.texts import Line
from shared.core.user_agents import device_name
from shared.web.audit_trail import Action, Outcome
from shared.web.cursors import Page
from shared.web.validation.openapi import Described
from shared.web.validation.ranges import TimeRange

if TYPE_CHECKING:
    from auth_service.audit.audit_models import AuditEntry


class ExportQuery(TimeRange):
    """Filters of the audit trail; all must match."""

    action: Action | None = None
    """Only entries with this action."""
    user_id: UUID | None = None
    """Only entries whose actor or subject is the user with this id."""
    actor: Annotated[Line, Field(min_length=1, max_length=100, examples=["grace.hopper"])] | None = None
    """Only entries whose actor has this username, regardless of case."""
    outcome: Outcome | None = None
    """Only entries with this outcome."""
    q: Annotated[Line, Field(min_length=1, max_length=100)] | None = None
    """Only entries that contain this text, regardless of case: in action, names, address, user agent, request id or
    details."""


class AuditQuery(ExportQuery, Page):
    """Filters of the audit trail and the page to return."""


class AuditEntryOut(Described):
    """An entry of the audit trail, for admins."""

    id: UUID
    """The id of the entry."""
    service: Annotated[str, Field(examples=["account-service"])]
    """The service that reported the entry."""
    action: Annotated[str, Field(examples=["account.freeze"])]
    """What was done."""
    outcome: Outcome
    """Whether it worked, failed, or was refused."""
    actor_id: UUID | None
    """The id of the user who did it; null for a request without authentication."""
    actor: Annotated[str, Field(examples=["grace.hopper"])] | None
    """The username of the actor at that time."""
    subject_id: UUID | None
    """The id of the user whom it concerns."""
    subject: Annotated[str, Field(examples=["ada.lovelace"])] | None
    """The username of the subject at that time."""
    address: Annotated[str, Field(examples=["203.0.113.7"])]
    """The IP address of the actor's program."""
    user_agent: Annotated[str, Field(examples=["Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"])]
    """The User-Agent header of the actor's program."""
    request_id: Annotated[str, Field(examples=["8f3c2d1e"])] | None
    """The id of the request, as in the logs."""
    details: Annotated[dict[str, Any], Field(examples=[{"account": "••••1234"}])]
    """What else is known, depending on the action."""
    timestamp: Timestamp
    """When it was done."""

    @classmethod
    def of(cls, entry: "AuditEntry") -> "AuditEntryOut":
        """Return the response for a row."""
        values = {name: getattr(entry, name) for name in cls.model_fields if name != "details"}
        return cls(details=json.loads(entry.details), **values)


class DataViewOut(Described):
    """An access of staff to the caller's data."""

    id: UUID
    """The id of the entry."""
    action: Annotated[str, Field(examples=["view.account"])]
    """The data that was read."""
    actor: Annotated[str, Field(examples=["grace.hopper"])] | None
    """The username of the employee or admin."""
    timestamp: Timestamp
    """When it happened."""


class LoginAttemptOut(Described):
    """An attempt to log in."""

    id: UUID
    """The id of its entry in the audit trail."""
    outcome: Outcome
    """`success`, `failure` (a wrong password or code), or `refused` (too many failures before)."""
    ip: Annotated[str, Field(examples=["203.0.113.7"])]
    """The IP address of the attempt."""
    user_agent: Annotated[str, Field(examples=["Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"])]
    """The User-Agent header of the attempt."""
    device: Annotated[str, Field(examples=["Firefox on Linux"])]
    """Browser and operating system, where the User-Agent header names them."""
    timestamp: Timestamp
    """The time of the attempt."""

    @classmethod
    def of(cls, entry: "AuditEntry") -> "LoginAttemptOut":
        """Return the response for an entry of the audit trail."""
        return cls(
            id=entry.id,
            outcome=entry.outcome,
            ip=entry.address,
            user_agent=entry.user_agent,
            device=device_name(entry.user_agent),
            timestamp=entry.timestamp,
        )
