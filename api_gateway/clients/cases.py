"""Client for cases at the auth service: disputes and questions of customers."""

from datetime import datetime
from uuid import UUID

from api_gateway.clients.base import Client, NextPage, Query, ResponseModel


class Case(ResponseModel):
    """A dispute of a payment, or a question."""

    id: UUID
    user_id: UUID
    customer: str
    kind: str
    subject: str
    transaction_id: UUID | None
    state: str
    unread: int
    changed_at: datetime


class Message(ResponseModel):
    """A message of a case."""

    author: str
    from_bank: bool
    closes: bool
    text: str
    created_at: datetime


class Conversation(ResponseModel):
    """A case with its messages, oldest first."""

    case: Case
    messages: list[Message]


class OwnCases(ResponseModel):
    """A page of the caller's cases, the last changed first, and how many messages are unread in all of them."""

    cases: list[Case]
    unread: int
    pagination: NextPage


class Cases(ResponseModel):
    """A page of the cases of customers, the last changed first, and how many of all wait for an answer."""

    cases: list[Case]
    open: int
    pagination: NextPage


class CaseClient(Client):
    """Cases of the caller, and for staff those of all customers."""

    def list_own(self, query: Query) -> OwnCases:
        """Return a page of the caller's cases; `state`, `transaction_id`, `limit`, `cursor`."""
        return self._get(OwnCases, "/api/auth/cases", query)

    def find(self, query: Query) -> Cases:
        """Return a page of all cases; `q`, `state`, `kind`, `user_id`, `transaction_id`, `limit`, `cursor`."""
        return self._get(Cases, "/api/auth/cases/all", query)

    def count_open(self) -> int:
        """Return how many cases wait for an answer of the bank."""
        return self._get(dict[str, int], "/api/auth/cases/counts", key="counts")["open"]

    def details(self, case_id: UUID) -> Conversation:
        """Return a case with its messages. For its customer this marks them as read."""
        return self._get(Conversation, f"/api/auth/cases/{case_id}")

    def open_case(self, *, kind: str, subject: str, text: str, transaction_id: UUID | None = None) -> Conversation:
        """Open a case of the caller."""
        body = {"kind": kind, "subject": subject, "text": text}
        about = {"transaction_id": str(transaction_id)} if transaction_id else {}
        return self._call(Conversation, "POST", "/api/auth/cases", body={**body, **about})

    def write(self, case_id: UUID, text: str) -> Conversation:
        """Add a message to a case."""
        path = f"/api/auth/cases/{case_id}/messages"
        return self._call(Conversation, "POST", path, body={"text": text})

    def close(self, case_id: UUID, reason: str) -> Conversation:
        """Close a case of the caller, or a customer's, which needs a reason."""
        path = f"/api/auth/cases/{case_id}/close"
        return self._call(Conversation, "POST", path, body={"reason": reason} if reason else {})
