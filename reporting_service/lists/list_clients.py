"""The services whose lists are exported, as they answer the token's bearer."""

from collections.abc import Iterator, Mapping

from reporting_service.lists.list_schemas import Row, Source
from shared.http.client import Peer


class ListClient:
    """Reads whole lists page by page, so that memory does not grow with them."""

    def __init__(self, peers: Mapping[str, Peer]) -> None:
        self._peers = peers

    def rows(self, token: str, source: Source, filters: Mapping[str, str]) -> Iterator[Row]:
        """Yield all rows that match. Raises the refusal of the list, or ServiceUnavailable."""
        return self._peers[source.service].rows(source.path, source.key, token=token, query=dict(filters))
