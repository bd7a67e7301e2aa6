"""The services that the transaction service calls."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, TypeVar
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from shared.http_client import NoAnswer, Peer, ServiceToken

_T = TypeVar("_T")


class Order(TypedDict):
    """What the ledger is asked to decide, with all that is to be kept of it; a side that is None is the bank's."""

    transaction_id: UUID
    transaction_type: str
    user_id: UUID
    amount_minor: int
    from_account_id: UUID | None
    to_account_id: UUID | None
    to_account_number: str | None
    reverses_id: UUID | None
    description: str | None
    fingerprint: str
    idempotency_key: str | None
    request_id: str | None
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Posting:
    """What the ledger has decided: an order, and what came of it: posted, rejected (for `reason`) or void.

    Account numbers are masked. What was decided before the ledger kept orders may have no user; it was not posted then.
    """

    sequence: int
    transaction_id: UUID
    outcome: str
    reason: str | None
    decided_at: datetime
    transaction_type: str
    user_id: UUID | None
    amount_minor: int
    from_account_id: UUID | None
    from_user_id: UUID | None
    from_masked_number: str | None
    from_balance_after_minor: int | None
    to_account_id: UUID | None
    to_user_id: UUID | None
    to_masked_number: str | None
    to_balance_after_minor: int | None
    to_account_number: str | None
    reverses_id: UUID | None
    description: str | None
    fingerprint: str
    idempotency_key: str | None
    request_id: str | None
    requested_at: datetime | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What the ledger says to an order: `decided` now, `repeated` when it was before, by its id or its key.

    It is `conflicting` when its id or its key belongs to a posting of other content.
    """

    verdict: str
    posting: Posting


_decisions: TypeAdapter[list[Decision]] = TypeAdapter(list[Decision])
_postings: TypeAdapter[list[Posting]] = TypeAdapter(list[Posting])


class LedgerClient:
    """The account service's ledger. Every call may be repeated: the ledger decides a transaction once."""

    def __init__(self, peer: Peer, token: ServiceToken) -> None:
        self._peer, self._token = peer, token

    def post(self, orders: list[Order]) -> list[Decision]:
        """The decisions on all orders, one each. Raises an AppError when they are not known."""
        return self._decide("/internal/postings", orders)

    def void(self, orders: list[Order]) -> list[Decision]:
        """Give orders up; those decided before are answered with their decision. Raises as `post` does."""
        return self._decide("/internal/postings/void", orders)

    def list_after(self, sequence: int, limit: int) -> list[Posting]:
        """What was decided, in order; nothing comes between later. Raises an AppError when it can't be read."""
        query = {"after": sequence, "limit": limit}
        answer = self._token.call(self._peer, "GET", "/internal/postings", query=query)
        return _read(_postings, answer.get("postings"))

    def describe(self, orders: list[Order]) -> None:
        """Hand over the orders of what was decided before the ledger kept orders. Raises an AppError."""
        self._token.call(self._peer, "POST", "/internal/postings/describe", body={"postings": orders})

    def _decide(self, path: str, orders: list[Order]) -> list[Decision]:
        answer = self._token.call(self._peer, "POST", path, body={"postings": orders})
        decisions = _read(_decisions, answer.get("decisions"))
        if len(decisions) != len(orders):
            raise NoAnswer(may_have_arrived=True)
        return decisions


def _read(adapter: TypeAdapter[_T], answered: object) -> _T:
    """Read a part of an answer. Raises NoAnswer when it is something else, which says nothing."""
    try:
        return adapter.validate_python(answered)
    except ValidationError:
        raise NoAnswer(may_have_arrived=True) from None


class AccountClient:
    """The account service as a person sees it."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def owner_id(self, token: str, account_id: UUID) -> UUID:
        """Whose account it is. Raises NotFound when the token's bearer may not see it."""
        answer: dict[str, Any] = self._peer.call("GET", f"/api/accounts/details/{account_id}", token=token)
        return UUID(answer["account"]["user_id"])
