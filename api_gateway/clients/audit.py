"""The audit trail, as the auth service returns it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from api_gateway.clients.base import Client, NextPage, Query, ResponseModel


class AuditEntry(ResponseModel):
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


class AuditTrail(ResponseModel):
    """A page of the audit trail."""

    audit: list[AuditEntry]
    pagination: NextPage


class DataView(ResponseModel):
    """A look of somebody of the staff at the caller's data."""

    action: str
    actor: str | None = None
    timestamp: datetime


class DataViews(ResponseModel):
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
        return self._get(list[dict[str, Any]], token, "/api/auth/audit/export", query, key="audit")

    def views(self, token: str, *, limit: int, cursor: str | None = None) -> DataViews:
        """Return a page of who of the staff looked at the caller's data."""
        return self._get(DataViews, token, "/api/auth/audit/mine", {"limit": limit, "cursor": cursor})
