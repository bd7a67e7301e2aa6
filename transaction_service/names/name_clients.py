"""The auth service, as it is asked for names."""

import logging
import time
from collections.abc import Collection
from uuid import UUID

from shared.core.errors import AppError
from shared.http.client import Peer, ServiceToken

NAMES_SECONDS = 1.0
_log = logging.getLogger(__name__)


class NameClient:
    """Asks the auth service for the names of users."""

    def __init__(self, peer: Peer, token: ServiceToken) -> None:
        self._peer, self._token = peer, token

    def find(self, user_ids: Collection[str]) -> dict[str, str]:
        """Return the full name, or the username, of each user by id, in one call.

        A list without names is better than none, so this returns nothing when the auth service does not answer within
        NAMES_SECONDS. At most 400 ids.
        """
        if not user_ids:
            return {}
        peer = self._peer.until(time.monotonic() + NAMES_SECONDS)
        try:
            response = self._token.call(peer, "GET", "/internal/names", query={"user_ids": ",".join(sorted(user_ids))})
            return {UUID(user_id).hex: str(name) for user_id, name in response["names"].items()}
        except AppError as error:
            _log.warning("names are not available: %s", error.code)
            return {}
