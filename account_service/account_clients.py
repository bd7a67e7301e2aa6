"""The services that the account service calls."""

from dataclasses import dataclass
from uuid import UUID

from shared.http.client import Peer, ServiceToken


@dataclass(frozen=True)
class Owner:
    """The owner of an account: the fields of a user that the account service reads."""

    full_name: str
    username: str


class AuthClient:
    """Calls the auth service."""

    def __init__(self, peer: Peer, token: ServiceToken) -> None:
        self._peer, self._token = peer, token

    def owner(self, user_id: UUID) -> Owner:
        """Return the user with this id. Raises NotFound, or ServiceUnavailable when auth can't be reached."""
        user = self._token.call(self._peer, "GET", f"/internal/users/{user_id}")["user"]
        return Owner(full_name=user["full_name"] or "", username=user["username"])
