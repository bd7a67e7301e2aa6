"""The auth service, as it is asked for names."""

import logging
import time
from collections.abc import Callable, Collection
from uuid import UUID

from shared.core.errors import AppError
from shared.http.client import Peer, ServiceToken

NAMES_SECONDS = 1.0
KEPT_SECONDS = 2.0
"""How long a name is used again without asking: lists show a changed name at most that much later."""
MAX_KEPT = 20_000
_UNKNOWN = ("", 0.0)
_log = logging.getLogger(__name__)


class NameClient:
    """Asks the auth service for the names of users."""

    def __init__(self, peer: Peer, token: ServiceToken, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._peer, self._token, self._clock = peer, token, clock
        self._kept: dict[str, tuple[str, float]] = {}

    def find(self, user_ids: Collection[str]) -> dict[str, str]:
        """Return the full name, or the username, of each user by id, in one call for those that are not kept.

        A list without names is better than none, so names are left out when the auth service does not answer within
        NAMES_SECONDS. At most 400 ids.
        """
        now = self._clock()
        kept = {user_id: self._kept.get(user_id, _UNKNOWN) for user_id in user_ids}
        names = {user_id: name for user_id, (name, until) in kept.items() if until > now}
        asked = self._ask([user_id for user_id in kept if user_id not in names])
        if len(self._kept) + len(asked) > MAX_KEPT:
            self._kept.clear()
        self._kept.update((user_id, (name, now + KEPT_SECONDS)) for user_id, name in asked.items())
        return names | asked

    def _ask(self, user_ids: Collection[str]) -> dict[str, str]:
        if not user_ids:
            return {}
        peer = self._peer.until(time.monotonic() + NAMES_SECONDS)
        try:
            response = self._token.call(peer, "GET", "/internal/names", query={"user_ids": ",".join(sorted(user_ids))})
            return {UUID(user_id).hex: str(name) for user_id, name in response["names"].items()}
        except AppError as error:
            _log.warning("names are not available: %s", error.code)
            return {}

    def search(self, words: str, limit: int) -> list[str]:
        """Return the ids of at most `limit` users whom all these words describe. Raises ServiceUnavailable."""
        query = {"q": words, "limit": limit}
        response = self._token.call(self._peer, "GET", "/internal/names/search", query=query)
        return [UUID(user_id).hex for user_id in response["user_ids"]]
