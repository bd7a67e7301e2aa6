"""The rules of the staff's lists of accounts. Reading one is recorded in the audit trail."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from account_service.account_models import Account
from account_service.search.search_schemas import AccountsQuery, AllAccountsQuery
from account_service.search.search_storage import AccountFilters, AccountSearch
from shared.core.money import Currency
from shared.db.outbox import Outbox
from shared.http.users import UserClient
from shared.web import audit_trail, cursors
from shared.web.access import Caller
from shared.web.cursors import Pagination

MAX_OWNERS = 200


@dataclass(frozen=True)
class SearchTools:
    """What accounts are found with."""

    accounts: AccountSearch
    users: UserClient
    currency: Currency
    outbox: Outbox


def list_all(tools: SearchTools, caller: Caller, query: AllAccountsQuery) -> tuple[list[Account], Pagination]:
    """Return a page of all accounts that match. Raises InvalidRequest, and ServiceUnavailable to find an owner."""
    if query.user_id:
        return list_of_user(tools, caller, query.user_id, query)
    audit_trail.record_view(tools.outbox, "list.accounts", caller, None, **audit_trail.filters_of(query, "user_id"))
    owners = tools.users.search(query.owner, most=MAX_OWNERS, field="owner") if query.owner else None
    return _page(tools, query, owners)


def list_of_user(
    tools: SearchTools, caller: Caller, user_id: UUID, query: AccountsQuery
) -> tuple[list[Account], Pagination]:
    """Return a page of the accounts of one user that match. Raises InvalidRequest."""
    audit_trail.record_view(tools.outbox, "view.accounts", caller, user_id, **audit_trail.filters_of(query, "user_id"))
    return _page(tools, query, [user_id])


def _page(
    tools: SearchTools, query: AccountsQuery, user_ids: Collection[UUID] | None
) -> tuple[list[Account], Pagination]:
    at_least_minor, at_most_minor = query.bounds_minor(tools.currency)
    filters = AccountFilters(
        user_ids=user_ids,
        status=query.status,
        account_type=query.account_type,
        at_least_minor=at_least_minor,
        at_most_minor=at_most_minor,
        number_ends=query.q,
        since=query.since,
        until=query.until,
    )
    fetch = partial(tools.accounts.list_accounts, filters, oldest_first=query.sort == "oldest")
    return cursors.fetch_page(query, fetch, created_at=datetime, id=UUID)
