"""Clients of the services that receipts read."""

from typing import Any
from uuid import UUID

from shared.http.client import Peer, ServiceToken


class PaymentClient:
    """Calls the transaction service: with the caller's token for what they may see, else with this service's."""

    def __init__(self, peer: Peer, service_token: ServiceToken) -> None:
        self._peer, self._service_token = peer, service_token

    def payment(self, token: str, transaction_id: UUID) -> dict[str, Any]:
        """Return a transaction. Raises NotFound when the token's bearer may not see it."""
        answer = self._peer.call("GET", f"/api/transactions/details/{transaction_id}", token=token)
        found: dict[str, Any] = answer["transaction"]
        return found

    def owners(self, transaction_id: str) -> tuple[UUID | None, UUID | None]:
        """Return the owners of the accounts that a transaction leaves and reaches; None for the bank's own."""
        answer = self._service_token.call(self._peer, "GET", f"/internal/transactions/{transaction_id}/owners")
        source, target = answer["owners"]["from_user_id"], answer["owners"]["to_user_id"]
        return UUID(source) if source else None, UUID(target) if target else None


class NameClient:
    """Calls the auth service."""

    def __init__(self, peer: Peer, service_token: ServiceToken) -> None:
        self._peer, self._service_token = peer, service_token

    def name(self, user_id: UUID) -> str:
        """Return the full name of a user, or the username when there is none."""
        user = self._service_token.call(self._peer, "GET", f"/internal/users/{user_id}")["user"]
        return str(user["full_name"] or user["username"])
