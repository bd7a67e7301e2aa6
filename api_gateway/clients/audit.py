"""The audit trail, as the auth service returns it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from api_gateway.clients.base import Client, NextPage, Query, Seen


class AuditEntry(Seen):
    """An entry of the audit trail, for admins."""

    id: UUID
    service: str
    action: str
    outcome: str
    actor_id: UUID | None = None
    actor: str | None = None
    subject_id: UUID | None = None
    subject: str | None = None
    address: str
    user_agent: str
    request_id: str | None = None
    details: dict[str, Any]
    timestamp: datetime


class AuditTrail(Seen):
    """A page of the audit trail."""

    audit: list[AuditEntry]
    pagination: NextPage


class DataView(Seen):
    """A look of somebody of the staff at the caller's data."""

    action: str
    actor: str | None = None
    timestamp: datetime


class DataViews(Seen):
    """A page of looks of the staff at the caller's data."""

    audit: list[DataView]
    pagination: NextPage


class AuditClient(Client):
    """Calls the auth service for the audit trail."""

    def entries(self, token: str, query: Query) -> AuditTrail:
        """Return a page of the audit trail. The query takes the filters of the page, `limit` and `cursor`."""
        return self._get(AuditTrail, token, "/api/auth/audit", query)

    def export(self, token: str, query: Query) -> list[dict[str, Any]]:
        """Return all entries that match the filters, as the service returns them. Raises InvalidRequest, Refused."""
        answer = self._peer.call("GET", "/api/auth/audit/export", token=token, query=dict(query))
        entries: list[dict[str, Any]] = answer["audit"]
        return entries

    def views(self, token: str, *, limit: int, cursor: str | None = None) -> DataViews:
        """Return a page of who of the staff looked at the caller's data."""
        return self._get(DataViews, token, "/api/auth/audit/mine", {"limit": limit, "cursor": cursor})
