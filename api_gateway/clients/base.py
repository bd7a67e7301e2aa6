"""Base classes of the clients and their response models.

Money is Decimal; instants are aware datetimes in UTC.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, TypeAdapter

from shared.http.client import Peer

_T = TypeVar("_T")


class ResponseModel(BaseModel):
    """Base of the response models. Fields that no page needs are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class NextPage(ResponseModel):
    """The cursor of the next page of a list; None on the last one."""

    next_cursor: str | None = None


class ListPage(ResponseModel, Generic[_T]):
    """A page of a list, in the order of the service."""

    rows: list[_T]
    pagination: NextPage


class NeedsApproval(Exception):
    """The request was stored, and a second person has to approve it. This is not a failure."""


Query = Mapping[str, object]
MAX_PAGE = 200


class Client:
    """Calls a service with the token of a user, or without a token.

    Every call raises the AppError that the service answered, or ServiceUnavailable when it does not answer.
    """

    def __init__(self, peer: Peer, token: str | None = None) -> None:
        self._peer, self._token = peer, token

    def _send(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        """Send a request as `Peer.call` does, and return the JSON of the response."""
        return self._peer.call(method, path, token=self._token, **request)

    def _get(self, kind: type[_T], path: str, query: Query | None = None, *, key: str = "") -> _T:
        """Send a GET and return the response, or the part of it under `key`, as `kind`."""
        return self._call(kind, "GET", path, key=key, query=dict(query or {}))

    def _call(self, kind: type[_T], method: str, path: str, *, key: str = "", **request: Any) -> _T:
        """Send a request and return the response, or the part of it under `key`, as `kind`.

        Raises NeedsApproval when the request waits for a second person instead.
        """
        answer = self._send(method, path, **request)
        if "approval" in answer:
            raise NeedsApproval
        parsed: _T = _adapter(cast(Any, kind)).validate_python(answer[key] if key else answer)
        return parsed

    def _post_once(self, kind: type[_T], path: str, body: Query, idempotency_key: str, *, key: str) -> _T:
        """Send a POST as `_call` does. The same idempotency key has one effect."""
        return self._call(kind, "POST", path, key=key, body=body, headers={"Idempotency-Key": idempotency_key})

    def _page(self, kind: type[_T], path: str, query: Query, *, key: str) -> ListPage[_T]:
        """Return a page of a list. The response has its rows under `key`."""
        answer = self._send("GET", path, query=dict(query))
        found: ListPage[_T] = _adapter(cast(Any, ListPage)[kind]).validate_python({**answer, "rows": answer[key]})
        return found


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
