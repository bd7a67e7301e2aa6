"""Client for the auth service: the audit trail."""

from datetime import datetime
from typing import Any
from uuid import UUID

from api_gateway.clients.base import Client, ListPage, Query, ResponseModel


class AuditEntry(ResponseModel):
    """An entry of the audit trail, for admins."""

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


class DataView(ResponseModel):
    """An access of staff to the caller's data."""

    action: str
    actor: str | None = None
    timestamp: datetime


class AuditClient(Client):
    """Calls the auth service for the audit trail."""

    def entries(self, query: Query) -> ListPage[AuditEntry]:
        """Return a page of the audit trail. The query takes the filters of the page, `limit` and `cursor`."""
        return self._page(AuditEntry, "/api/auth/audit", query, key="audit")

    def views(self, *, limit: int, cursor: str | None = None) -> ListPage[DataView]:
        """Return a page of the accesses of staff to the caller's data, newest first."""
        return self._page(DataView, "/api/auth/audit/mine", {"limit": limit, "cursor": cursor}, key="audit")
