"""Clients of the services that statements read: the ledger for all figures, auth for the holder's name."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from reporting_service.statements.statement_schemas import StatementAccount, StatementEntry, StatementPeriod
from shared.core.money import Currency
from shared.core.periods import to_text
from shared.core.time_zones import FIRST_INSTANT, day_of
from shared.http.client import Peer, ServiceToken

PAGE_ENTRIES = 1000


class HolderClient:
    """Calls the auth service."""

    def __init__(self, peer: Peer, service_token: ServiceToken) -> None:
        self._peer, self._service_token = peer, service_token

    def holder(self, user_id: UUID) -> str:
        """Return the full name of a user, or the username when there is none."""
        user = self._service_token.call(self._peer, "GET", f"/internal/users/{user_id}")["user"]
        return str(user["full_name"] or user["username"])


class EntryClient:
    """Calls the account service with the caller's token, so that it checks what the caller may see."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def account(self, token: str, account_id: UUID, viewer_id: UUID) -> tuple[StatementAccount, UUID]:
        """Return an account and the id of its owner. Raises NotFound when the token's bearer may not see it."""
        found = self._peer.call("GET", f"/api/accounts/details/{account_id}", token=token)["account"]
        owner_id = UUID(found["user_id"])
        account = StatementAccount(
            id=account_id,
            number=found["account_number"],
            account_type=found["account_type"],
            nickname=found["nickname"],
            currency=Currency.of(found["currency"]),
            is_own=owner_id == viewer_id,
        )
        return account, owner_id

    def last_before(self, token: str, account_id: UUID, instant: datetime) -> dict[str, Any] | None:
        """Return the newest row of the account's history before an instant, or None."""
        if instant == FIRST_INSTANT:
            return None
        query = {"to": to_text(instant - datetime.resolution), "limit": 1}
        rows = self._peer.call("GET", f"/api/accounts/history/{account_id}", token=token, query=query)["history"]
        return rows[0] if rows else None

    def entries(self, token: str, account: StatementAccount, period: StatementPeriod) -> Iterator[StatementEntry]:
        """Yield the entries of a period, oldest first. They are read page by page."""
        query = {"from": to_text(period.start), "to": to_text(period.last_instant), "limit": PAGE_ENTRIES}
        for row in self._peer.rows(f"/api/accounts/entries/{account.id}", "entries", token=token, query=query):
            yield _entry(row, account, period)


class PendingClient:
    """Calls the transaction service with the caller's token."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def has_pending(self, token: str, account_id: UUID, period: StatementPeriod) -> bool:
        """Return whether the outcome of a transaction on the account that was requested in a period is unknown."""
        query = {
            "status": "pending",
            "from": to_text(period.start),
            "to": to_text(period.last_instant),
            "limit": 1,
        }
        answer = self._peer.call("GET", f"/api/transactions/account/{account_id}", token=token, query=query)
        return bool(answer["transactions"])


def _entry(row: dict[str, Any], account: StatementAccount, period: StatementPeriod) -> StatementEntry:
    booked_at = datetime.fromisoformat(row["timestamp"])
    return StatementEntry(
        id=row["transaction_id"],
        day=day_of(booked_at, period.zone),
        booked_at=booked_at,
        transaction_type=row["transaction_type"],
        description=row["description"],
        other_number=row["other_account_number"],
        other_name=row["other_name"],
        amount_minor=account.currency.from_text(row["amount"]),
        balance_minor=account.currency.from_text(row["balance_after"]),
    )
