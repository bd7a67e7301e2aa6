"""Queries on all accounts of the bank."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from account_service.account_models import Account
from shared.db.database import Storage
from shared.db.keyset import by_age


@dataclass(frozen=True)
class AccountFilters:
    """What to list; None does not filter. Balances are minor units, and `since <= created_at < until`."""

    user_ids: Collection[UUID] | None = None
    status: str | None = None
    account_type: str | None = None
    at_least_minor: int | None = None
    at_most_minor: int | None = None
    number_ends: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AccountSearch(Storage):
    """Accounts of everybody."""

    def list_accounts(
        self, filters: AccountFilters, *, oldest_first: bool = False, limit: int, after: tuple[datetime, UUID] | None
    ) -> Sequence[Account]:
        """Return the accounts that match all filters, newest first, from behind `after`, a (created_at, id)."""
        query, key = select(Account).where(*_conditions(filters)), (Account.created_at, Account.id)
        return self._session.scalars(by_age(query, key, limit, after, oldest_first=oldest_first)).all()


def _conditions(filters: AccountFilters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.user_ids is not None:
        found.append(Account.user_id.in_(filters.user_ids))
    if filters.status:
        found.append(Account.status == filters.status)
    if filters.account_type:
        found.append(Account.account_type == filters.account_type)
    if filters.at_least_minor is not None:
        found.append(Account.balance_minor >= filters.at_least_minor)
    if filters.at_most_minor is not None:
        found.append(Account.balance_minor <= filters.at_most_minor)
    if filters.number_ends:
        found.append(Account.account_number.endswith(filters.number_ends))
    if filters.since:
        found.append(Account.created_at >= filters.since)
    if filters.until:
        found.append(Account.created_at < filters.until)
    return found
