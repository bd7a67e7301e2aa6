"""Clients of the services that reports read. Amounts stay decimal text, as the services return them.

Data of a user is read with the user's token, so that the called service checks what they may see. Figures of the whole
bank are read with the token of this service.
"""

from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from reporting_service.source_schemas import (
    AccountFacts,
    AccountStatistics,
    FlowStatistics,
    LedgerRow,
    TransactionFacts,
    UserStatistics,
    Volumes,
    ZonedPeriod,
)
from shared.core.periods import to_text
from shared.core.time_zones import FIRST_INSTANT
from shared.http.client import Peer, ServiceToken
from shared.http.users import UserClient


class AuthClient(UserClient):
    """Calls the auth service."""

    def statistics(self, period: ZonedPeriod, previous: ZonedPeriod | None) -> UserStatistics:
        """Return the numbers of users by role and status, and of those who registered in the two periods."""
        query = _to_range(period, previous)
        response = self._token.call(self._peer, "GET", "/internal/statistics", query=query)
        return UserStatistics.model_validate(response["statistics"])

    def notify_export_ready(self, user_id: UUID, year: int) -> None:
        """Queue a mail to a user: the statements of a year are ready. Raises NotFound or ServiceUnavailable."""
        body = {"user_id": str(user_id), "kind": "export_ready", "year": year}
        self._token.call(self._peer, "POST", "/internal/notices", body=body)


class AccountClient:
    """Calls the account service."""

    def __init__(self, peer: Peer, service_token: ServiceToken) -> None:
        self._peer, self._service_token = peer, service_token

    def account(self, token: str, account_id: UUID) -> AccountFacts:
        """Return an account. Raises NotFound when the token's bearer may not see it."""
        response = self._peer.call("GET", f"/api/accounts/details/{account_id}", token=token)
        return AccountFacts.model_validate(response["account"])

    def list_own(self, token: str) -> list[AccountFacts]:
        """Return the accounts of the token's bearer, closed ones last."""
        return list(map(AccountFacts.model_validate, self._peer.rows("/api/accounts/list", "accounts", token=token)))

    def last_before(self, token: str, account_id: UUID, instant: datetime) -> LedgerRow | None:
        """Return the newest entry of an account before an instant, or None."""
        if instant == FIRST_INSTANT:
            return None
        query = {"to": to_text(instant - datetime.resolution), "limit": 1}
        rows = self._peer.call("GET", f"/api/accounts/history/{account_id}", token=token, query=query)["history"]
        return LedgerRow.model_validate(rows[0]) if rows else None

    def entries(self, token: str, account_id: UUID, period: ZonedPeriod, *, at_most: int) -> list[LedgerRow]:
        """Return the entries of a period, newest first, at most the `at_most` newest."""
        rows = self._peer.rows(
            f"/api/accounts/history/{account_id}", "history", token=token, query=_to_range(period, None)
        )
        return list(map(LedgerRow.model_validate, islice(rows, at_most)))

    def statistics(self, period: ZonedPeriod, previous: ZonedPeriod | None) -> AccountStatistics:
        """Return the numbers of accounts, the sums of their balances, and how many were opened in the two periods."""
        query = _to_range(period, previous)
        response = self._service_token.call(self._peer, "GET", "/internal/statistics", query=query)
        return AccountStatistics.model_validate(response["statistics"])


class TransactionClient:
    """Calls the transaction service."""

    def __init__(self, peer: Peer, service_token: ServiceToken) -> None:
        self._peer, self._service_token = peer, service_token

    def transaction(self, token: str, transaction_id: UUID) -> dict[str, Any]:
        """Return a transaction. Raises NotFound when the token's bearer may not see it."""
        response = self._peer.call("GET", f"/api/transactions/details/{transaction_id}", token=token)
        found: dict[str, Any] = response["transaction"]
        return found

    def owners(self, transaction_id: UUID) -> tuple[UUID | None, UUID | None]:
        """Return the owners of the accounts that a transaction leaves and reaches; None for the bank's own."""
        response = self._service_token.call(self._peer, "GET", f"/internal/transactions/{transaction_id}/owners")
        source, target = response["owners"]["from_user_id"], response["owners"]["to_user_id"]
        return UUID(source) if source else None, UUID(target) if target else None

    def has_pending(self, token: str, account_id: UUID, first: datetime, last: datetime) -> bool:
        """Return whether the outcome of a transaction on the account that was requested in a range is unknown."""
        query = {"status": "pending", "from": to_text(first), "to": to_text(last), "limit": 1}
        response = self._peer.call("GET", f"/api/transactions/account/{account_id}", token=token, query=query)
        return bool(response["transactions"])

    def statistics(
        self, token: str, period: ZonedPeriod, previous: ZonedPeriod | None, **selection: str
    ) -> FlowStatistics:
        """Return what moved on the accounts of the token's bearer, from one snapshot.

        `selection` may have an `account_id`, or `account_ids` and `types`, separated by commas.
        """
        query = {**_to_zoned_range(period, previous), **selection}
        response = self._peer.call("GET", "/api/transactions/statistics", token=token, query=query)
        return FlowStatistics.model_validate(response["statistics"])

    def list_of_account(
        self, token: str, account_id: UUID, period: ZonedPeriod, *, at_most: int
    ) -> dict[UUID, TransactionFacts]:
        """Return the `at_most` newest completed transactions of an account in a period, by their ids."""
        query = {**_to_range(period, None), "status": "completed"}
        rows = self._peer.rows(f"/api/transactions/account/{account_id}", "transactions", token=token, query=query)
        return {found.id: found for found in map(TransactionFacts.model_validate, islice(rows, at_most))}

    def volumes(self, period: ZonedPeriod, previous: ZonedPeriod | None) -> Volumes:
        """Return the numbers and sums of the whole bank's completed transactions."""
        query = _to_zoned_range(period, previous)
        response = self._service_token.call(self._peer, "GET", "/internal/statistics", query=query)
        return Volumes.model_validate(response["statistics"])


def _to_range(period: ZonedPeriod, previous: ZonedPeriod | None) -> dict[str, Any]:
    """Return the query for a period and the one before it, as instants."""
    query = {"from": to_text(period.since), "to": to_text(period.last_instant)}
    return query | ({"compare_from": to_text(previous.since)} if previous else {})


def _to_zoned_range(period: ZonedPeriod, previous: ZonedPeriod | None) -> dict[str, Any]:
    """Return the same query with the zone in which sums by day are asked for."""
    return _to_range(period, previous) | {"tz": period.zone.key}
