"""Client for the users of the auth service: their names, what they may do, and a search by words."""

import logging
import time
from collections.abc import Callable, Collection
from uuid import UUID

from shared.core.errors import AppError, InvalidRequest
from shared.http.client import Peer, ServiceToken

BATCH_IDS = 400
AVAILABLE_SECONDS = 1.0
KEPT_SECONDS = 2.0
"""How long a name is used again without asking: lists show a changed name at most that much later."""
MAX_KEPT = 20_000
_UNKNOWN = ("", 0.0)
_log = logging.getLogger(__name__)


class UserClient:
    """Calls the auth service. The name of a user is the full name, or the username when there is none."""

    def __init__(self, peer: Peer, token: ServiceToken, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._peer, self._token, self._clock = peer, token, clock
        self._kept: dict[UUID, tuple[str, float]] = {}

    def name(self, user_id: UUID) -> str:
        """Return the name of a user. Raises NotFound or ServiceUnavailable."""
        user = self._token.call(self._peer, "GET", f"/internal/users/{user_id}")["user"]
        return str(user["full_name"] or user["username"])

    def may(self, user_id: UUID, right: str) -> bool:
        """Return whether a person may do something now: a permission, or `admin`. Raises ServiceUnavailable."""
        answer = self._token.call(self._peer, "GET", f"/internal/users/{user_id}/may", query={"right": right})
        return bool(answer["is_allowed"])

    def names(self, user_ids: Collection[UUID]) -> dict[UUID, str]:
        """Return the names of users by their ids, without those of unknown users. Raises ServiceUnavailable."""
        return self._ask(self._peer, user_ids)

    def available_names(self, user_ids: Collection[UUID]) -> dict[UUID, str]:
        """Return the names of users by their ids, as far as they are kept or the auth service answers within a second.

        It is for lists, since a list without names is better than none.
        """
        now = self._clock()
        kept = {user_id: self._kept.get(user_id, _UNKNOWN) for user_id in user_ids}
        names = {user_id: name for user_id, (name, until) in kept.items() if until > now}
        try:
            asked = self._ask(self._peer.until(time.monotonic() + AVAILABLE_SECONDS), kept.keys() - names.keys())
        except AppError as error:
            _log.warning("names are not available: %s", error.code)
            return names
        if len(self._kept) + len(asked) > MAX_KEPT:
            self._kept.clear()
        self._kept.update((user_id, (name, now + KEPT_SECONDS)) for user_id, name in asked.items())
        return names | asked

    def search(self, words: str, *, most: int, field: str) -> list[UUID]:
        """Return the ids of the users with each word in their name, username, e-mail address or phone number.

        Raises ServiceUnavailable, or InvalidRequest, naming the field, when they are more than `most`.
        """
        query = {"q": words, "limit": most + 1}
        found = self._token.call(self._peer, "GET", "/internal/names/search", query=query)["user_ids"]
        if len(found) > most:
            raise InvalidRequest.of(field, f"fits more than {most} people; enter more of the name")
        return [UUID(user_id) for user_id in found]

    def _ask(self, peer: Peer, user_ids: Collection[UUID]) -> dict[UUID, str]:
        wanted, found = sorted(map(str, user_ids)), dict[UUID, str]()
        for begin in range(0, len(wanted), BATCH_IDS):
            query = {"user_ids": ",".join(wanted[begin : begin + BATCH_IDS])}
            names = self._token.call(peer, "GET", "/internal/names", query=query)["names"]
            found.update((UUID(user_id), str(name)) for user_id, name in names.items())
        return found
