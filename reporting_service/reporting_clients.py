"""The services that reports are made of. Money stays text here, as it comes.

What is somebody's own is asked for with their own token, so that the asked service decides what they may see; figures
of the whole bank are asked for with this service's token.
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
    """The auth service."""

    def __init__(self, peer: Peer, service_token: ServiceToken) -> None:
        self._peer, self._service_token = peer, service_token

    def statistics(self) -> UserStatistics:
        """All people, counted."""
        answer = self._service_token.call(self._peer, "GET", "/internal/statistics")
        return UserStatistics.model_validate(answer["statistics"])


class AccountClient:
    """The account service."""

    def __init__(self, peer: Peer, service_token: ServiceToken) -> None:
        self._peer, self._service_token = peer, service_token

    def account(self, token: str, account_id: UUID) -> AccountFacts:
        """One account. Raises NotFound when the bearer may not see it."""
        answer = self._peer.call("GET", f"/api/accounts/details/{account_id}", token=token)
        return AccountFacts.model_validate(answer["account"])

    def balance_before(self, token: str, account_id: UUID, day: date) -> str | None:
        """The balance when a day begins, or None when nothing was ever booked before it."""
        if day == date.min:
            return None
        answer = self._history(token, account_id, to=day - timedelta(days=1), limit=1)
        rows = answer["history"]
        return str(rows[0]["balance_after"]) if rows else None

    def entries(self, token: str, account_id: UUID, period: Period, *, at_most: int) -> list[HistoryRow]:
        """The newest `at_most` entries of a period, newest first."""
        rows: list[HistoryRow] = []
        cursor = None
        while len(rows) < at_most:
            answer = self._history(
                token,
                account_id,
                to=period.end_date,
                limit=min(PAGE_ROWS, at_most - len(rows)),
                since=period.start_date,
                cursor=cursor,
            )
            rows.extend(HistoryRow.model_validate(row) for row in answer["history"])
            cursor = answer["pagination"]["next_cursor"]
            if cursor is None:
                break
        return rows

    def statistics(self) -> AccountStatistics:
        """All accounts, counted."""
        answer = self._service_token.call(self._peer, "GET", "/internal/statistics")
        return AccountStatistics.model_validate(answer["statistics"])

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
    """The transaction service."""

    def __init__(self, peer: Peer, service_token: ServiceToken) -> None:
        self._peer, self._service_token = peer, service_token

    def summary(self, token: str, period: Period, account_id: UUID | None = None) -> Summary:
        """The completed transactions on all accounts of the bearer, or on one that they may see, summed up."""
        query = {"from": period.start_date, "to": period.end_date, "account_id": account_id}
        answer = self._peer.call("GET", "/api/transactions/summary", token=token, query=query)
        return Summary.model_validate(answer["summary"])

    def statistics(self, period: Period) -> Volumes:
        """The completed transactions of the whole bank, counted."""
        query = {"from": period.start_date, "to": period.end_date}
        answer = self._service_token.call(self._peer, "GET", "/internal/statistics", query=query)
        return Volumes.model_validate(answer["statistics"])
