"""The account service, as the counter calls it: it keeps the tills."""

from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from shared.http.client import Peer, ServiceToken
from shared.web.cursors import Pagination
from transaction_service.counter.counter_schemas import CustomerAccount, Movement, Till

_account: TypeAdapter[CustomerAccount] = TypeAdapter(CustomerAccount)
_till: TypeAdapter[Till] = TypeAdapter(Till)
_tills: TypeAdapter[list[Till]] = TypeAdapter(list[Till])
_movements: TypeAdapter[list[Movement]] = TypeAdapter(list[Movement])
_pagination: TypeAdapter[Pagination] = TypeAdapter(Pagination)


class TillClient:
    """Calls the account service with this service's token. Every call can be repeated."""

    def __init__(self, peer: Peer, token: ServiceToken) -> None:
        self._peer, self._token = peer, token

    def open(self, user_id: UUID, float_minor: int, idempotency_key: str | None) -> Till:
        """Open a till. Raises Conflict when the employee has one, Unprocessable for a reused key."""
        body = {"user_id": str(user_id), "float_minor": float_minor, "idempotency_key": idempotency_key}
        return self._till("POST", "/internal/tills", body=body)

    def close(self, till_id: UUID, closed_by: UUID, counted_minor: int) -> Till:
        """Close a till. Raises NotFound, or Conflict when it was closed with another count."""
        body = {"closed_by": str(closed_by), "counted_minor": counted_minor}
        return self._till("POST", f"/internal/tills/{till_id}/close", body=body)

    def find(self, till_id: UUID) -> Till:
        """Return a till. Raises NotFound."""
        return self._till("GET", f"/internal/tills/{till_id}")

    def list_tills(self, **filters: str | int | None) -> tuple[list[Till], Pagination]:
        """Return a page of tills, newest first. Filters: `user_id, status, limit, cursor`."""
        answer = self._token.call(self._peer, "GET", "/internal/tills", query=filters)
        return _tills.validate_python(answer["tills"]), _pagination.validate_python(answer["pagination"])

    def movements(self, till_id: UUID, **page: str | int | None) -> tuple[list[Movement], Pagination]:
        """Return a page of the postings of a till, newest first. Raises NotFound."""
        answer = self._token.call(self._peer, "GET", f"/internal/tills/{till_id}/movements", query=page)
        return _movements.validate_python(answer["movements"]), _pagination.validate_python(answer["pagination"])

    def find_account(self, account_id: str | None, account_number: str | None) -> CustomerAccount:
        """Return the account with this id or number. Raises InvalidRequest for a wrong check digit, NotFound."""
        query = {"account_id": account_id, "account_number": account_number}
        return _account.validate_python(
            self._token.call(self._peer, "GET", "/internal/accounts", query=query)["account"]
        )

    def _till(self, method: str, path: str, **asked: Any) -> Till:
        return _till.validate_python(self._token.call(self._peer, method, path, **asked)["till"])
