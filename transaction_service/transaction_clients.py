"""The services that the transaction service calls."""

from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from shared.core.ids import dashed
from shared.http.client import NoAnswer, Peer, ServiceToken

_T = TypeVar("_T")


class Order(TypedDict):
    """What the ledger decides, with all data that it stores about a transaction. A side that is None is the bank's.

    Ids are 32 hexadecimal digits, amounts are integers of minor units.
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
    """An order as the ledger stores it. User and time are None in postings that are older than its order columns."""

    user_id: str | None  # type: ignore[misc]  # a TypedDict can't widen a field, and repeating all others says less
    requested_at: datetime | None  # type: ignore[misc]  # as above


class Result(TypedDict):
    """The decision on an order: posted, rejected (`reason` says why) or void. Account numbers are masked."""

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


class Posting(TypedDict):
    """An order and the ledger's decision on it."""

    order: KeptOrder
    result: Result


class Decision(Posting):
    """The ledger's response to an order: its posting, and a verdict.

    The verdict is `decided` if the posting is new, `repeated` if the order's id or key had a posting with the same
    content, `conflicting` if that posting has other content.
    """

    verdict: str


class _ReceivedDecision(TypedDict):
    """A decision as the ledger sends it: without its order if that is the one that was sent."""

    verdict: str
    result: Result
    order: KeptOrder | None


_decisions: TypeAdapter[list[_ReceivedDecision]] = TypeAdapter(list[_ReceivedDecision])
_postings: TypeAdapter[list[Posting]] = TypeAdapter(list[Posting])


class LedgerClient:
    """Calls the ledger of the account service. Every call is idempotent: the ledger decides an order once."""

    def __init__(self, peer: Peer, token: ServiceToken) -> None:
        self._peer, self._token = peer, token

    def post(self, orders: list[Order]) -> list[Decision]:
        """Send orders, and return one decision for each. Raises an AppError when the outcome is unknown."""
        return self._decide("/internal/postings", orders)

    def void(self, orders: list[Order]) -> list[Decision]:
        """Void orders that are not decided yet, and return one decision for each. Raises an AppError as `post` does."""
        return self._decide("/internal/postings/void", orders)

    def list_after(self, sequence: int, limit: int) -> list[Posting]:
        """Return at most `limit` postings after `sequence`, in order. Raises an AppError when they can't be read."""
        query = {"after": sequence, "limit": limit}
        response = self._token.call(self._peer, "GET", "/internal/postings", query=query)
        return _parse(_postings, response.get("postings"))

    def describe(self, orders: list[Order]) -> None:
        """Send the orders of postings that are older than the ledger's order columns. Raises an AppError."""
        self._token.call(self._peer, "POST", "/internal/postings/describe", body={"postings": orders})

    def _decide(self, path: str, orders: list[Order]) -> list[Decision]:
        response = self._token.call(self._peer, "POST", path, body={"postings": orders})
        decisions = _parse(_decisions, response.get("decisions"))
        if len(decisions) != len(orders):
            raise NoAnswer(may_have_arrived=True)
        return [
            Decision(
                order=received["order"] or cast(KeptOrder, order),
                result=received["result"],
                verdict=received["verdict"],
            )
            for order, received in zip(orders, decisions, strict=True)
        ]


def _parse(adapter: TypeAdapter[_T], value: object) -> _T:
    """Return a part of a response as its type. Raises NoAnswer if it is malformed: the outcome is unknown then."""
    try:
        return adapter.validate_python(value)
    except ValidationError:
        raise NoAnswer(may_have_arrived=True) from None


class AccountClient:
    """Calls the account service with the token of a user."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def owner_id(self, token: str, account_id: str) -> str:
        """Return the id of the owner. Raises NotFound when the token's bearer may not see the account."""
        response: dict[str, Any] = self._peer.call("GET", f"/api/accounts/details/{dashed(account_id)}", token=token)
        return UUID(response["account"]["user_id"]).hex
