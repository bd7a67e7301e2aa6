"""Client for the auth service: search and help of customers by staff."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from api_gateway.clients.audit import AuditEntry
from api_gateway.clients.auth import LoginSession, Person, User
from api_gateway.clients.base import MAX_PAGE, Client, ListPage, Query, ResponseModel


class Note(ResponseModel):
    """A note of an employee or admin about a customer."""

    author: str
    text: str
    created_at: datetime


class Removal(ResponseModel):
    """An open request to remove a second factor."""

    asked_by: UUID
    asked_by_name: str
    reason: str
    asked_at: datetime
    expires_at: datetime


class FactorState(ResponseModel):
    """Whether a customer has a second factor, and the open request to remove it."""

    mfa_enabled: bool
    removal: Removal | None


class IdentityCheck(ResponseModel):
    """A decision of staff on a customer's identity."""

    state: str
    document_kind: str | None = None
    document_number: str | None = None
    expires_on: date | None = None
    reason: str
    decided_by_name: str
    decided_at: datetime


class IdentityState(ResponseModel):
    """The state of a customer's identity check, and the last decisions, newest first."""

    identity: str
    expired: bool
    checks: list[IdentityCheck]


class CustomerClient(Client):
    """Search and help of customers by staff. Every call for a user who is no customer raises NotFound."""

    def find(self, query: Query) -> ListPage[User]:
        """Return a page of customers; `q`, `status`, `limit`, `cursor`."""
        return self._page(User, "/api/auth/customers", query, key="customers")

    def counts(self) -> dict[str, int]:
        """Return how many customers wait for somebody of the staff: `pending_identities`, `locked`."""
        return self._get(dict[str, int], "/api/auth/customers/counts", key="counts")

    def details(self, user_id: UUID) -> User:
        """Return one customer."""
        return self._get(User, f"/api/auth/customers/{user_id}", key="customer")

    def correct(self, user_id: UUID, changes: dict[str, str | None]) -> None:
        """Change `full_name`, `phone` and, as an admin, `email`."""
        self._send("PUT", f"/api/auth/customers/{user_id}", body=changes)

    def unlock(self, user_id: UUID) -> None:
        """End the lockout after too many wrong passwords."""
        self._send("POST", f"/api/auth/customers/{user_id}/unlock")

    def identity(self, user_id: UUID) -> IdentityState:
        """Return the state of a customer's identity check."""
        return self._get(IdentityState, f"/api/auth/customers/{user_id}/identity")

    def decide_identity(self, user_id: UUID, decision: dict[str, str | None]) -> None:
        """Set the state of a customer's identity, with the document that was shown."""
        self._send("PUT", f"/api/auth/customers/{user_id}/identity", body=decision)

    def removal(self, user_id: UUID) -> FactorState:
        """Return whether a customer has a second factor, and the open request to remove it."""
        return self._get(FactorState, f"/api/auth/customers/{user_id}/second_factor_removal")

    def ask_for_removal(self, user_id: UUID, reason: str) -> None:
        """Ask for the removal of a customer's second factor, which a colleague has to approve."""
        path = f"/api/auth/customers/{user_id}/second_factor_removal"
        self._send("POST", path, body={"reason": reason})

    def decide_removal(self, user_id: UUID, decision: str) -> None:
        """Decide on a removal: `approve` or `refuse`."""
        path = f"/api/auth/customers/{user_id}/second_factor_removal/decision"
        self._send("POST", path, body={"decision": decision})

    def start_reset(self, user_id: UUID, reason: str) -> None:
        """Send a customer the link for a new password by mail."""
        path = f"/api/auth/customers/{user_id}/password_reset"
        self._send("POST", path, body={"reason": reason})

    def audit(self, user_id: UUID, query: Query) -> ListPage[AuditEntry]:
        """Return a page of what a customer did, and what was done about them, newest first."""
        return self._page(AuditEntry, f"/api/auth/customers/{user_id}/audit", query, key="audit")

    def sessions(self, user_id: UUID) -> list[LoginSession]:
        """Return the active sessions of a customer."""
        path = f"/api/auth/customers/{user_id}/sessions"
        return self._get(list[LoginSession], path, {"limit": MAX_PAGE}, key="sessions")

    def log_out_everywhere(self, user_id: UUID) -> None:
        """End all sessions of a customer."""
        self._send("DELETE", f"/api/auth/customers/{user_id}/sessions")

    def notes(self, user_id: UUID, query: Query) -> ListPage[Note]:
        """Return a page of the notes about a customer, newest first."""
        return self._page(Note, f"/api/auth/customers/{user_id}/notes", query, key="notes")

    def add_note(self, user_id: UUID, text: str) -> None:
        """Write a note about a customer."""
        self._send("POST", f"/api/auth/customers/{user_id}/notes", body={"text": text})

    def by_id(self, user_ids: Iterable[UUID]) -> dict[UUID, Person]:
        """Return users, staff included, by their ids; at most 200."""
        wanted = ",".join(sorted({str(user_id) for user_id in user_ids}))
        if not wanted:
            return {}
        found = self._get(list[Person], "/api/auth/users/by_id", {"user_ids": wanted}, key="users")
        return {person.id: person for person in found}
