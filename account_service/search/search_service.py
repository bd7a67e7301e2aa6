"""The endpoints by which staff list accounts."""

from uuid import UUID

from flask import Blueprint, Response

from account_service.account_models import Account
from account_service.common_service import api
from account_service.search import search_logic
from account_service.search.search_logic import SearchTools
from account_service.search.search_schemas import AccountsQuery, AllAccountsQuery, ListedAccount
from shared.web.access import Caller, staff_with
from shared.web.cursors import Pagination, page_of
from shared.web.parts import part
from shared.web.responses import success
from shared.web.validation.openapi import documented

search = Blueprint("search", __name__, url_prefix="/api/accounts")


@search.get("/all")
@staff_with("customers:read")
@api.validate(resp=documented(200, page_of(accounts=ListedAccount)))
def list_all(caller: Caller, query: AllAccountsQuery) -> Response:
    """Return all accounts with their owners' names, newest first."""
    return _answer(*search_logic.list_all(part(SearchTools), caller, query))


@search.get("/user/<uuid:user_id>")
@staff_with("customers:read")
@api.validate(resp=documented(200, page_of(accounts=ListedAccount)))
def list_of_user(caller: Caller, user_id: UUID, query: AccountsQuery) -> Response:
    """Return the accounts of one user, newest first."""
    return _answer(*search_logic.list_of_user(part(SearchTools), caller, user_id, query))


def _answer(rows: list[Account], pagination: Pagination) -> Response:
    tools = part(SearchTools)
    names = tools.users.available_names({row.user_id for row in rows})
    accounts = [ListedAccount.named(row, tools.currency, names.get(row.user_id)) for row in rows]
    return success(accounts=accounts, pagination=pagination)
