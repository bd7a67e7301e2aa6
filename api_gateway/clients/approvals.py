"""Client for requests that wait for a second admin, at the transaction service."""

from datetime import datetime
from uuid import UUID

from api_gateway.clients.base import Client, NextPage, Query, Seen
from api_gateway.clients.transaction import Transaction


class Approval(Seen):
    """A request to reverse a transaction, or to pay it out of suspense."""

    id: UUID
    action: str
    status: str
    asked_by: UUID
    asked_by_name: str
    asked_at: datetime
    decided_by_name: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None
    transaction: Transaction | None = None


class Approvals(Seen):
    """A page of requests, newest first."""

    approvals: list[Approval]
    pagination: NextPage


class ApprovalClient(Client):
    """Calls for admins."""

    def find(self, token: str, query: Query) -> Approvals:
        """Return a page of requests. Filters: `status, limit, cursor`."""
        return self._get(Approvals, token, "/api/transactions/approvals", query)

    def approve(self, token: str, approval_id: UUID) -> Transaction:
        """Approve the request of another admin, and return the transaction that carries it out."""
        answer = self._peer.call("POST", f"/api/transactions/approvals/{approval_id}/approve", token=token)
        return Transaction.model_validate(answer["transaction"])

    def reject(self, token: str, approval_id: UUID, reason: str) -> Approval:
        """Reject the request of another admin, or take an own one back."""
        path = f"/api/transactions/approvals/{approval_id}/reject"
        answer = self._peer.call("POST", path, token=token, body={"reason": reason})
        return Approval.model_validate(answer["approval"])
