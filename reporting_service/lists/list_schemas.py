"""The lists that staff can export: where their rows come from, and which columns they have."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ConfigDict

from shared.web.validation.openapi import Query

Row = dict[str, Any]


class ListFilters(Query):
    """The filters of the list itself, which checks them. An export has all rows, so it takes no `limit` or `cursor`."""

    model_config = ConfigDict(extra="allow", frozen=True)


@dataclass(frozen=True)
class Source:
    """The list of a service: its path, and the name of its rows in the answer.

    Who has none of the `permissions`, if there are any, sees the list without these rows.
    """

    service: str
    path: str
    key: str
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True)
class StaffList:
    """A list for staff. `columns` are the paths of the values in a row, by the headers of their columns.

    The rows of several sources, whose names are the values of the filter `kind`, are merged, newest first.
    """

    sources: Mapping[str, Source]
    columns: Mapping[str, str]


def _columns(*names: str, **others: str) -> dict[str, str]:
    return {name: name for name in names} | others


def _of_one(service: str, path: str, key: str, columns: Mapping[str, str]) -> StaffList:
    return StaffList({"": Source(service, path, key)}, columns)


def asked_at(row: Row) -> tuple[datetime, str]:
    """Return the position of an approval in the list."""
    return datetime.fromisoformat(row["asked_at"]), row["id"]


_PEOPLE = ("id", "username", "full_name", "email", "phone", "role", "status", "locked_until", "created_at")
LISTS: Mapping[str, StaffList] = {
    "customers": _of_one("auth", "/api/auth/customers", "customers", _columns(*_PEOPLE, "identity")),
    "users": _of_one("auth", "/api/auth/users", "users", _columns(*_PEOPLE)),
    "accounts": _of_one(
        "account",
        "/api/accounts/all",
        "accounts",
        _columns(
            *("id", "account_number", "owner_name", "user_id", "account_type", "nickname", "status"),
            *("balance", "currency", "created_at"),
        ),
    ),
    "transactions": _of_one(
        "transaction",
        "/api/transactions/all",
        "transactions",
        _columns(
            *("id", "timestamp", "transaction_type", "status", "failure_code", "amount", "currency"),
            *("from_name", "from_account_number", "from_account_id", "to_name", "to_account_number", "to_account_id"),
            *("account_number", "account_id", "description", "reverses", "reversed_by"),
        ),
    ),
    "cases": _of_one(
        "auth",
        "/api/auth/cases/all",
        "cases",
        _columns("id", "created_at", "changed_at", "kind", "state", "customer", "user_id", "subject", "transaction_id"),
    ),
    "audit": _of_one(
        "auth",
        "/api/auth/audit",
        "audit",
        _columns(
            *("timestamp", "service", "action", "outcome", "actor", "actor_id", "subject", "subject_id"),
            *("address", "user_agent", "request_id", "details", "id"),
        ),
    ),
    "approvals": StaffList(
        {
            "payments": Source(
                *("transaction", "/api/transactions/approvals", "approvals"),
                permissions=("approvals:decide", "counter:withdraw"),
            ),
            "accounts": Source("account", "/api/accounts/approvals", "approvals"),
            "people": Source("auth", "/api/auth/approvals", "approvals"),
        },
        _columns(
            *("id", "kind", "action", "status", "asked_by_name", "asked_at"),
            asked_because="request.reason",
            decided_by_name="decided_by_name",
            decided_at="decided_at",
            rejected_because="reason",
            transaction_id="transaction.id",
            amount="transaction.amount",
            currency="transaction.currency",
            account_id="account.id",
            account_number="account.account_number",
            username="subject.username",
            full_name="subject.full_name",
        ),
    ),
}
