"""Client for requests that wait for a second person. Each service keeps those about what it owns."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from api_gateway.clients.account import Account
from api_gateway.clients.auth import Person
from api_gateway.clients.base import Client, ListPage, Query, ResponseModel
from api_gateway.clients.transaction import Transaction
from shared.http.client import Peer

KINDS: Mapping[str, tuple[str, str]] = {
    "payments": ("transaction-service", "/api/transactions/approvals"),
    "accounts": ("account-service", "/api/accounts/approvals"),
    "people": ("auth-service", "/api/auth/approvals"),
}
"""What a request is about, the service that keeps it, and the path of such requests there."""


class Approval(ResponseModel):
    """A request, and what it is about: a transaction, an account or a person."""

    kind: str = ""
    id: UUID
    action: str
    status: str
    request: Mapping[str, Any] = Field(default_factory=dict)
    asked_by: UUID
    asked_by_name: str
    asked_at: datetime
    decided_by_name: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None
    transaction: Transaction | None = None
    account: Account | None = None
    subject: Person | None = None


class ApprovalClient(Client):
    """Calls for staff about one kind of requests."""

    def __init__(self, peer: Peer, kind: str) -> None:
        super().__init__(peer)
        self._kind, self._path = kind, KINDS[kind][1]

    def find(self, token: str, query: Query) -> ListPage[Approval]:
        """Return a page of requests. Filters: `status, limit, cursor`, and what the kind is about."""
        found = self._page(Approval, token, self._path, query, noun="approvals")
        return found.model_copy(update={"rows": [row.model_copy(update={"kind": self._kind}) for row in found.rows]})

    def approve(self, token: str, approval_id: UUID) -> Transaction | None:
        """Approve the request of a colleague, which carries it out. Returns the transaction that does, if one does."""
        answer = self._peer.call("POST", f"{self._path}/{approval_id}/approve", token=token)
        return Transaction.model_validate(answer["transaction"]) if "transaction" in answer else None

    def reject(self, token: str, approval_id: UUID, reason: str) -> None:
        """Reject the request of a colleague, or take an own one back."""
        self._peer.call("POST", f"{self._path}/{approval_id}/reject", token=token, body={"reason": reason})
