"""The services that the account service calls."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from shared.core.errors import InvalidRequest
from shared.http.client import Peer, ServiceToken


@dataclass(frozen=True)
class Owner:
    """The owner of an account: the fields of a user that the account service reads."""

    full_name: str
    username: str


MOST_NAMES = 400
MOST_FOUND = 200


class AuthClient:
    """Calls the auth service."""

    def __init__(self, peer: Peer, token: ServiceToken) -> None:
        self._peer, self._token = peer, token

    def owner(self, user_id: UUID) -> Owner:
        """Return the user with this id. Raises NotFound, or ServiceUnavailable when auth can't be reached."""
        user = self._token.call(self._peer, "GET", f"/internal/users/{user_id}")["user"]
        return Owner(full_name=user["full_name"] or "", username=user["username"])

    def names(self, user_ids: Collection[UUID]) -> dict[UUID, str]:
        """Return the full name, or the username, of each user by id. Raises ServiceUnavailable."""
        wanted, found = sorted(map(str, user_ids)), dict[UUID, str]()
        for begin in range(0, len(wanted), MOST_NAMES):
            query = {"user_ids": ",".join(wanted[begin : begin + MOST_NAMES])}
            names = self._token.call(self._peer, "GET", "/internal/names", query=query)["names"]
            found.update((UUID(user_id), str(name)) for user_id, name in names.items())
        return found

    def find_users(self, words: str, field: str) -> list[UUID]:
        """Return the ids of the users whose name, username, e-mail address or phone number contains each word.

        Raises InvalidRequest, naming the field, when they are more than MOST_FOUND, and ServiceUnavailable.
        """
        query = {"q": words, "limit": MOST_FOUND + 1}
        found = self._token.call(self._peer, "GET", "/internal/names/search", query=query)["user_ids"]
        if len(found) > MOST_FOUND:
            raise InvalidRequest.of(field, f"fits more than {MOST_FOUND} people; enter more of the name")
        return [UUID(user_id) for user_id in found]
