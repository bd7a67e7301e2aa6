"""Client for the auth service: the notice that an export is ready."""

from uuid import UUID

from shared.http.client import Peer, ServiceToken


class NoticeClient:
    """Calls the auth service, which sends the mails of the bank."""

    def __init__(self, peer: Peer, token: ServiceToken) -> None:
        self._peer, self._token = peer, token

    def export_ready(self, user_id: UUID, year: int) -> None:
        """Tell a user that the statements of a year can be downloaded. Raises NotFound or ServiceUnavailable."""
        body = {"user_id": str(user_id), "kind": "export_ready", "year": year}
        self._token.call(self._peer, "POST", "/internal/notices", body=body)
