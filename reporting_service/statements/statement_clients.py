"""The ledger of the account service, from which statements have all figures."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from reporting_service.reporting_clients import AccountClient
from reporting_service.statements.statement_schemas import StatementAccount, StatementEntry, StatementPeriod
from shared.core.money import Currency
from shared.core.periods import to_text
from shared.core.time_zones import day_of

PAGE_ENTRIES = 1000


class EntryClient(AccountClient):
    """Calls the account service with the caller's token, so that it checks what the caller may see."""

    def statement_account(self, token: str, account_id: UUID, viewer_id: UUID) -> tuple[StatementAccount, UUID]:
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

    def statement_entries(
        self, token: str, account: StatementAccount, period: StatementPeriod
    ) -> Iterator[StatementEntry]:
        """Yield the entries of a period, oldest first. They are read page by page."""
        query = {"from": to_text(period.start), "to": to_text(period.last_instant), "limit": PAGE_ENTRIES}
        for row in self._peer.rows(f"/api/accounts/entries/{account.id}", "entries", token=token, query=query):
            yield _entry(row, account, period)


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
