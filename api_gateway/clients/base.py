"""What the clients and their schemas have in common.

Money is Decimal, times are aware datetimes in UTC.
"""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from shared.http.client import Peer


class Seen(BaseModel):
    """Part of an answer: what a page does not need is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class NextPage(Seen):
    """Where a list goes on."""

    limit: int
    next_cursor: str | None = None


Query = Mapping[str, object]
MOST = 200


_T = TypeVar("_T", bound=Seen)


class Client:
    """Calls one service with a person's token.

    Every call raises the AppError that the service answered, or ServiceUnavailable when it is silent.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def _get(self, kind: type[_T], token: str, path: str, query: Query | None = None, *, key: str = "") -> _T:
        """The answer as `kind`, or the part of it under `key`."""
        answer = self._peer.call("GET", path, token=token, query=dict(query or {}))
        return kind.model_validate(answer[key] if key else answer)
