"""The services that the transaction service calls."""

from typing import Any, TypedDict
from uuid import UUID

from pydantic import BaseModel, TypeAdapter

from shared.http_client import Peer, ServiceToken
from shared.periods import Timestamp


class Leg(BaseModel):
    """One customer account that a posted transaction has touched; `account_number` is masked."""

    account_id: UUID
    user_id: UUID
    account_number: str
    amount_minor: int
    balance_after_minor: int


class Decision(BaseModel):
    """What the ledger says of a transaction: posted, rejected (for `reason`) or void."""

    transaction_id: UUID
    outcome: str
    reason: str | None = None
    booked_at: Timestamp
    legs: list[Leg] = []


class Order(TypedDict):
    """What the ledger is asked to do; a side that is None is the bank's."""

    transaction_id: UUID
    user_id: UUID
    amount_minor: int
    from_account_id: UUID | None
    to_account_id: UUID | None
    to_account_number: str | None
    reverses_id: UUID | None
    request_id: str | None


_decisions: TypeAdapter[list[Decision]] = TypeAdapter(list[Decision])


class LedgerClient:
    """The account service's ledger. Every call may be repeated: the ledger decides a transaction once."""

    def __init__(self, peer: Peer, token: ServiceToken) -> None:
        self._peer, self._token = peer, token

    def post(self, orders: list[Order]) -> list[Decision]:
        """The decisions on all orders. Raises NoAnswer when they are not known."""
        return self._decisions("/internal/postings", {"postings": orders})

    def void(self, transaction_ids: list[UUID], request_ids: list[str]) -> list[Decision]:
        """Give transactions up; those decided before are answered with their decision. Raises NoAnswer.

        `request_ids` are those of the requests that they came from, for the ledger's log.
        """
        body = {"transaction_ids": transaction_ids, "request_ids": request_ids}
        return self._decisions("/internal/postings/void", body)

    def _decisions(self, path: str, body: dict[str, Any]) -> list[Decision]:
        answer = self._token.call(self._peer, "POST", path, body=body)
        return _decisions.validate_python(answer["decisions"])


class AccountClient:
    """The account service as a person sees it."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def owner_id(self, token: str, account_id: UUID) -> UUID:
        """Whose account it is. Raises NotFound when the token's bearer may not see it."""
        answer: dict[str, Any] = self._peer.call("GET", f"/api/accounts/details/{account_id}", token=token)
        return UUID(answer["account"]["user_id"])
