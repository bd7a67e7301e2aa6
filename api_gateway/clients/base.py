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

    limit: int
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
    """Calls a service with a user's token.

    Every call raises the AppError that the service answered, or ServiceUnavailable when it does not answer.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def _get(self, kind: type[_T], token: str, path: str, query: Query | None = None, *, key: str = "") -> _T:
        """Send a GET and return the response, or the part of it under `key`, as `kind`."""
        return self._call(kind, "GET", path, key=key, token=token, query=dict(query or {}))

    def _call(self, kind: type[_T], method: str, path: str, *, key: str = "", **request: Any) -> _T:
        """Send a request as `Peer.call` does, and return the response, or the part of it under `key`, as `kind`."""
        answer = self._peer.call(method, path, **request)
        parsed: _T = _adapter(cast(Any, kind)).validate_python(answer[key] if key else answer)
        return parsed

    def _page(self, kind: type[_T], token: str, path: str, query: Query, *, noun: str) -> ListPage[_T]:
        """Return a page of a list. `noun` is the key of the rows in the response."""
        answer = self._peer.call("GET", path, token=token, query=dict(query))
        found: ListPage[_T] = _adapter(cast(Any, ListPage)[kind]).validate_python({**answer, "rows": answer[noun]})
        return found

    def _change(self, method: str, token: str, path: str, body: Query, **options: Any) -> dict[str, Any]:
        """Send a change and return the answer. Raises NeedsApproval when it waits for a second person instead."""
        answer = self._peer.call(method, path, token=token, body=body, **options)
        if "approval" in answer:
            raise NeedsApproval
        return answer


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
