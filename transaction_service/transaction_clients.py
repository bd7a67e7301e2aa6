"""The services that the transaction service calls."""

from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from shared.core.ids import dashed
from shared.http.client import NoAnswer, Peer, ServiceToken

_T = TypeVar("_T")


class Order(TypedDict):
    """What the ledger is asked to decide, with all that is to be kept of it; a side that is None is the bank's.

    Ids are 32 hexadecimal digits, amounts minor units.
    """

    transaction_id: str
    transaction_type: str
    user_id: str
    amount_minor: int
    from_account_id: str | None
    to_account_id: str | None
    to_account_number: str | None
    reverses_id: str | None
    description: str | None
    fingerprint: str
    idempotency_key: str | None
    request_id: str | None
    requested_at: datetime


class KeptOrder(Order):
    """An order as the ledger has kept it. One from before it kept orders may have neither user nor time."""

    user_id: str | None  # type: ignore[misc]  # a TypedDict can't widen a field, and repeating all others says less
    requested_at: datetime | None  # type: ignore[misc]  # as above


class Result(TypedDict):
    """What the ledger has decided on an order: posted, rejected (for `reason`) or void. Account numbers are masked."""

    sequence: int
    outcome: str
    reason: str | None
    decided_at: datetime
    to_account_id: str | None
    from_user_id: str | None
    from_masked_number: str | None
    from_balance_after_minor: int | None
    to_user_id: str | None
    to_masked_number: str | None
    to_balance_after_minor: int | None


class Posting(NamedTuple):
    """An order and what the ledger has decided on it."""

    order: Order | KeptOrder
    result: Result


class Decision(NamedTuple):
    """What the ledger says to an order: `decided` now, `repeated` when it was before, by its id or its key.

    It is `conflicting` when its id or its key belongs to a posting of other content.
    """

    verdict: str
    posting: Posting


class _DecisionAnswered(TypedDict):
    """A decision as it comes: without the order, if that is the one that was sent."""

    verdict: str
    result: Result
    order: KeptOrder | None


class _PostingAnswered(TypedDict):
    result: Result
    order: KeptOrder


_decisions: TypeAdapter[list[_DecisionAnswered]] = TypeAdapter(list[_DecisionAnswered])
_postings: TypeAdapter[list[_PostingAnswered]] = TypeAdapter(list[_PostingAnswered])


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
        postings = _read(_postings, answer.get("postings"))
        return [Posting(posting["order"], posting["result"]) for posting in postings]

    def describe(self, orders: list[Order]) -> None:
        """Hand over the orders of what was decided before the ledger kept orders. Raises an AppError."""
        self._token.call(self._peer, "POST", "/internal/postings/describe", body={"postings": orders})

    def _decide(self, path: str, orders: list[Order]) -> list[Decision]:
        answer = self._token.call(self._peer, "POST", path, body={"postings": orders})
        decisions = _read(_decisions, answer.get("decisions"))
        if len(decisions) != len(orders):
            raise NoAnswer(may_have_arrived=True)
        return [
            Decision(decision["verdict"], Posting(decision["order"] or order, decision["result"]))
            for order, decision in zip(orders, decisions, strict=True)
        ]


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

    def owner_id(self, token: str, account_id: str) -> str:
        """Return the id of the owner. Raises NotFound when the token's bearer may not see the account."""
        answer: dict[str, Any] = self._peer.call("GET", f"/api/accounts/details/{dashed(account_id)}", token=token)
        return UUID(answer["account"]["user_id"]).hex
