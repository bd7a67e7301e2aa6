"""Client for the counter, at the transaction service."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from api_gateway.clients.base import Client, ListPage, Query, ResponseModel
from api_gateway.clients.transaction import Transaction


class Till(ResponseModel):
    """The cash of an employee. `expected_cash` is what it should hold, or should have held when it was counted."""

    id: UUID
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

    def open_till(self, opening_cash: Decimal, *, idempotency_key: str) -> Till:
        """Open a till of the caller. The same key opens only one."""
        body = {"float": str(opening_cash)}
        return self._post_once(Till, "/api/transactions/tills", body, idempotency_key, key="till")

    def list_tills(self, query: Query) -> ListPage[Till]:
        """Return a page of tills. Filters: `user_id, status, limit, cursor`."""
        return self._page(Till, "/api/transactions/tills", query, key="tills")

    def till(self, till_id: UUID) -> Till:
        """Return a till."""
        return self._get(Till, f"/api/transactions/tills/{till_id}", key="till")

    def movements(self, till_id: UUID, query: Query) -> ListPage[Movement]:
        """Return a page of the changes of the cash of a till; `limit`, `cursor`."""
        return self._page(Movement, f"/api/transactions/tills/{till_id}/movements", query, key="movements")

    def close_till(self, till_id: UUID, counted: Decimal) -> Till:
        """Close a till with the counted cash."""
        path = f"/api/transactions/tills/{till_id}/close"
        return self._call(Till, "POST", path, body={"counted": str(counted)}, key="till")

    def book(self, kind: str, body: dict[str, object], *, idempotency_key: str) -> Transaction:
        """Book cash for a customer; `kind` is `deposit` or `withdraw`. The same key books it once.

        Raises NeedsApproval.
        """
        path = f"/api/transactions/counter/{kind}"
        return self._post_once(Transaction, path, body, idempotency_key, key="transaction")
