"""The services that the account service calls."""

from dataclasses import dataclass
from uuid import UUID

from shared.http.client import Peer, ServiceToken


@dataclass(frozen=True)
class Owner:
    """A person as the account service needs to know them."""

    full_name: str
    username: str


class AuthClient:
    """Asks the auth service about people."""

    def __init__(self, peer: Peer, token: ServiceToken) -> None:
        self._peer, self._token = peer, token

    def owner(self, user_id: UUID) -> Owner:
        """The person of that id. Raises NotFound, or ServiceUnavailable when the auth service is away."""
        user = self._token.call(self._peer, "GET", f"/internal/users/{user_id}")["user"]
        return Owner(full_name=user["full_name"] or "", username=user["username"])
