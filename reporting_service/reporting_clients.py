"""Clients of the services that reports read. Amounts stay decimal text, as the services return them.

Data of a user is read with the user's token, so that the called service checks what they may see. Figures of the whole
bank are read with the token of this service.
"""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from reporting_service.reporting_schemas import (
    AccountFacts,
    AccountStatistics,
    HistoryRow,
    Period,
    Summary,
    UserStatistics,
    Volumes,
)
from shared.http.client import Peer, ServiceToken

PAGE_ROWS = 200


class AuthClient:
    """Calls the auth service."""

    def __init__(self, peer: Peer, service_token: ServiceToken) -> None:
        self._peer, self._service_token = peer, service_token

    def statistics(self) -> UserStatistics:
        """Return the numbers of users by role and status."""
        response = self._service_token.call(self._peer, "GET", "/internal/statistics")
        return UserStatistics.model_validate(response["statistics"])


class AccountClient:
    """Calls the account service."""

    def __init__(self, peer: Peer, service_token: ServiceToken) -> None:
        self._peer, self._service_token = peer, service_token

    def account(self, token: str, account_id: UUID) -> AccountFacts:
        """Return an account. Raises NotFound when the token's bearer may not see it."""
        response = self._peer.call("GET", f"/api/accounts/details/{account_id}", token=token)
        return AccountFacts.model_validate(response["account"])

    def balance_before(self, token: str, account_id: UUID, day: date) -> str | None:
        """Return the balance at the start of a day, or None if the account has no earlier entry."""
        if day == date.min:
            return None
        response = self._history(token, account_id, to=day - timedelta(days=1), limit=1)
        rows = response["history"]
        return str(rows[0]["balance_after"]) if rows else None

    def entries(self, token: str, account_id: UUID, period: Period, *, at_most: int) -> list[HistoryRow]:
        """Return the entries of a period, newest first, at most the `at_most` newest."""
        rows: list[HistoryRow] = []
        cursor = None
        while len(rows) < at_most:
            response = self._history(
                token,
                account_id,
                to=period.end_date,
                limit=min(PAGE_ROWS, at_most - len(rows)),
                since=period.start_date,
                cursor=cursor,
            )
            rows.extend(HistoryRow.model_validate(row) for row in response["history"])
            cursor = response["pagination"]["next_cursor"]
            if cursor is None:
                break
        return rows

    def statistics(self) -> AccountStatistics:
        """Return the numbers of accounts and the sums of their balances."""
        response = self._service_token.call(self._peer, "GET", "/internal/statistics")
        return AccountStatistics.model_validate(response["statistics"])

    def _history(
        self,
        token: str,
        account_id: UUID,
        *,
        to: date,
        limit: int,
        since: date | None = None,
        cursor: str | None = None,
    ) -> dict[str, Any]:
        query = {"from": since, "to": to, "limit": limit, "cursor": cursor}
        return self._peer.call("GET", f"/api/accounts/history/{account_id}", token=token, query=query)


class TransactionClient:
    """Calls the transaction service."""

    def __init__(self, peer: Peer, service_token: ServiceToken) -> None:
        self._peer, self._service_token = peer, service_token

    def summary(self, token: str, period: Period, account_id: UUID | None = None) -> Summary:
        """Return the sums of the completed transactions on all accounts of the token's bearer, or on one account."""
        query = {"from": period.start_date, "to": period.end_date, "account_id": account_id}
        response = self._peer.call("GET", "/api/transactions/summary", token=token, query=query)
        return Summary.model_validate(response["summary"])

    def statistics(self, period: Period) -> Volumes:
        """Return the numbers and sums of the whole bank's completed transactions."""
        query = {"from": period.start_date, "to": period.end_date}
        response = self._service_token.call(self._peer, "GET", "/internal/statistics", query=query)
        return Volumes.model_validate(response["statistics"])
