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

KINDS: Mapping[str, tuple[str, str, str]] = {
    "payments": ("transaction-service", "/api/transactions/approvals", "transaction_id"),
    "accounts": ("account-service", "/api/accounts/approvals", "subject_id"),
    "people": ("auth-service", "/api/auth/approvals", "subject_id"),
}
"""What a request is about, the service that keeps it, the path of such requests there, and its filter by subject."""


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
    expires_at: datetime
    decided_by_name: str | None = None
    decided_at: datetime | None = None
    reason: str | None = None
    transaction: Transaction | None = None
    account: Account | None = None
    subject: Person | None = None

    @property
    def address(self) -> str:
        """Return the address of the page on which this request is decided."""
        about = self.transaction or self.account or self.subject
        only = f"&subject_id={about.id}" if about else ""
        return f"/admin/approvals?kind={self.kind}&status=pending{only}"


class ApprovalClient(Client):
    """Calls for staff about one kind of requests."""

    def __init__(self, peer: Peer, token: str | None, kind: str) -> None:
        super().__init__(peer, token)
        self._kind, (_, self._path, self._subject) = kind, KINDS[kind]

    def find(self, query: Query) -> ListPage[Approval]:
        """Return a page of requests. Filters: `status, subject_id, limit, cursor`."""
        named = {self._subject if name == "subject_id" else name: value for name, value in query.items()}
        found = self._page(Approval, self._path, named, key="approvals")
        return found.model_copy(update={"rows": [row.model_copy(update={"kind": self._kind}) for row in found.rows]})

    def approve(self, approval_id: UUID) -> Transaction | None:
        """Approve the request of a colleague, which carries it out. Returns the transaction that does, if one does."""
        answer = self._send("POST", f"{self._path}/{approval_id}/approve")
        return Transaction.model_validate(answer["transaction"]) if "transaction" in answer else None

    def reject(self, approval_id: UUID, reason: str) -> None:
        """Reject the request of a colleague, or take an own one back."""
        self._send("POST", f"{self._path}/{approval_id}/reject", body={"reason": reason})
