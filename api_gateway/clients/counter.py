"""Client for the counter, at the transaction service."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from api_gateway.clients.base import Client, ListPage, NeedsApproval, Query, ResponseModel
from api_gateway.clients.transaction import Transaction


class Till(ResponseModel):
    """The cash of an employee. `expected_cash` is what it should hold, or should have held when it was counted."""

    id: UUID
    user_id: UUID
    user_name: str | None = None
    status: str
    currency: str
    float: Decimal
    expected_cash: Decimal
    counted: Decimal | None = None
    difference: Decimal | None = None
    opened_at: datetime
    closed_at: datetime | None = None


class Movement(ResponseModel):
    """A change of the cash of a till: positive when cash was put in. A float and a count have no transaction."""

    transaction_id: UUID | None = None
    cash: Decimal
    description: str | None = None
    timestamp: datetime


class CounterClient(Client):
    """Calls for employees at the counter."""

    def open_till(self, token: str, opening_cash: Decimal, *, idempotency_key: str) -> Till:
        """Open a till of the caller. The same key opens only one."""
        body, headers = {"float": str(opening_cash)}, {"Idempotency-Key": idempotency_key}
        answer = self._peer.call("POST", "/api/transactions/tills", token=token, body=body, headers=headers)
        return Till.model_validate(answer["till"])

    def list_tills(self, token: str, query: Query) -> ListPage[Till]:
        """Return a page of tills. Filters: `user_id, status, limit, cursor`."""
        return self._page(Till, token, "/api/transactions/tills", query, noun="tills")

    def till(self, token: str, till_id: UUID) -> Till:
        """Return a till."""
        return self._get(Till, token, f"/api/transactions/tills/{till_id}", key="till")

    def movements(self, token: str, till_id: UUID, query: Query) -> ListPage[Movement]:
        """Return a page of the changes of the cash of a till; `limit`, `cursor`."""
        return self._page(Movement, token, f"/api/transactions/tills/{till_id}/movements", query, noun="movements")

    def close_till(self, token: str, till_id: UUID, counted: Decimal) -> Till:
        """Close a till with the counted cash."""
        path = f"/api/transactions/tills/{till_id}/close"
        return Till.model_validate(self._peer.call("POST", path, token=token, body={"counted": str(counted)})["till"])

    def book(self, token: str, kind: str, body: dict[str, object], *, idempotency_key: str) -> Transaction:
        """Book cash for a customer; `kind` is `deposit` or `withdraw`. The same key books it once.

        Raises NeedsApproval.
        """
        headers = {"Idempotency-Key": idempotency_key}
        answer = self._peer.call("POST", f"/api/transactions/counter/{kind}", token=token, body=body, headers=headers)
        if "approval" in answer:
            raise NeedsApproval
        return Transaction.model_validate(answer["transaction"])
