"""Client for the account service."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from api_gateway.clients.base import Client, ListPage, Query, ResponseModel
from shared.core.texts import masked

ACCOUNT_TYPES = {
    "checking": "Checking",
    "savings": "Savings",
    "investment": "Investment",
    "fixed_deposit": "Fixed deposit",
}


SUSPENSE_ACCOUNT_ID = UUID(int=1)
"""The account for money of reversals that have no account of the customer to pay into. It has no page."""


class Account(ResponseModel):
    """An account. `account_number` is complete only in the owner's own details, else masked (••••1234)."""

    id: UUID
    user_id: UUID
    account_number: str
    account_type: str
    nickname: str | None = None
    balance: Decimal
    currency: str
    status: str
    created_at: datetime

    @property
    def name(self) -> str:
        """Return the nickname, or else the type of the account in words."""
        return self.nickname or f"{ACCOUNT_TYPES.get(self.account_type, self.account_type)} account"

    @property
    def masked_number(self) -> str:
        """Return the number with all but its last four digits masked."""
        return masked(self.account_number)

    @property
    def label(self) -> str:
        """Return name and masked number, as shown in selects."""
        return f"{self.name} {self.masked_number}"

    @property
    def is_active(self) -> bool:
        """Return whether money can move in and out of the account."""
        return self.status == "active"


def by_id(accounts: list[Account]) -> dict[UUID, Account]:
    """Return the accounts by id, to find out which of them a transaction touches."""
    return {account.id: account for account in accounts}


def labels(accounts: Iterable[Account]) -> dict[str, str]:
    """Return the labels of accounts by their ids, for selects and checkboxes."""
    return {str(account.id): account.label for account in accounts}


class ListedAccount(Account):
    """An account in a list for staff, with its owner's name while names are available."""

    owner_name: str | None = None


class StatusChange(ResponseModel):
    """A change of an account's status. Reason, author and instant are None where they were not stored."""

    account_id: UUID
    to_status: str
    reason: str | None = None
    reason_is_shown: bool = False
    changed_by: UUID | None = None
    changed_at: datetime | None = None


class Freeze(ResponseModel):
    """The freeze of an account of the caller. A field is None if it was not recorded or is not shown."""

    reason: str | None = None
    frozen_by: str | None = None
    frozen_at: datetime | None = None


class FreezeState(ResponseModel):
    """The freeze of an account of the caller; None while it is not frozen."""

    freeze: Freeze | None


class Entry(ResponseModel):
    """A ledger entry of an account: the signed amount and the balance after it."""

    amount: Decimal
    balance_after: Decimal
    transaction_id: UUID
    timestamp: datetime


class Payee(ResponseModel):
    """The payee of an account number: masked number and masked name."""

    account_number: str
    owner_name: str | None = None
    name_match: str | None = None


class AccountClient(Client):
    """Calls the account service: the caller's own accounts and, for staff, everybody's."""

    def list_own(self) -> list[Account]:
        """Return all accounts of the caller, closed ones last, over as many pages as needed."""
        return list(
            map(Account.model_validate, self._peer.rows("/api/accounts/list", "accounts", token=self._token or ""))
        )

    def has_any(self) -> bool:
        """Return whether the caller has an account, open or closed."""
        return bool(self._page(Account, "/api/accounts/list", {"limit": 1}, key="accounts").rows)

    def list_all(self, query: Query, user_id: UUID | None = None) -> ListPage[ListedAccount]:
        """Return a page of all or one user's accounts, for staff. Filters: `q, status, account_type, limit, cursor`."""
        path = f"/api/accounts/user/{user_id}" if user_id else "/api/accounts/all"
        return self._page(ListedAccount, path, query, key="accounts")

    def details(self, account_id: UUID) -> Account:
        """Return an account. Only its owner gets the complete number."""
        return self._get(Account, f"/api/accounts/details/{account_id}", key="account")

    def history(self, account_id: UUID, query: Query) -> ListPage[Entry]:
        """Return a page of an account's ledger entries, newest first. Filters: `from, to, limit, cursor`."""
        return self._page(Entry, f"/api/accounts/history/{account_id}", query, key="history")

    def look_up(self, account_number: str, name: str | None = None) -> Payee:
        """Return the masked payee of an account number. Raises InvalidRequest for a wrong check digit, NotFound."""
        return self._get(Payee, "/api/accounts/lookup", {"account_number": account_number, "name": name}, key="account")

    def open(
        self, *, account_type: str, nickname: str | None, idempotency_key: str, user_id: UUID | None = None
    ) -> Account:
        """Open an account for the caller or, as staff, for a customer. The same key opens it only once."""
        path = f"/api/accounts/user/{user_id}" if user_id else "/api/accounts/create"
        body = {"account_type": account_type, "nickname": nickname}
        return self._post_once(Account, path, body, idempotency_key, key="account")

    def close(self, account_id: UUID) -> Account:
        """Close an empty account permanently."""
        return self._call(Account, "DELETE", f"/api/accounts/close/{account_id}", key="account")

    def close_for(self, account_id: UUID, reason: str) -> Account:
        """Close an empty account for its owner, as staff. Raises NeedsApproval."""
        return self._call(Account, "POST", f"/api/accounts/close/{account_id}", body={"reason": reason}, key="account")

    def freeze(self, account_id: UUID) -> Freeze | None:
        """Return the freeze of an account of the caller; None if the account is not frozen."""
        return self._get(FreezeState, f"/api/accounts/freeze/{account_id}").freeze

    def change_status(self, account_id: UUID, *, status: str, reason: str, show_reason: bool = True) -> Account:
        """Set an account's status to `frozen` or `active`, as staff; its owner sees the reason if `show_reason`.

        Raises NeedsApproval.
        """
        body = {"status": status, "reason": reason, "show_reason": show_reason}
        return self._call(Account, "PUT", f"/api/accounts/update/{account_id}", body=body, key="account")

    def status_history(self, account_id: UUID, query: Query) -> ListPage[StatusChange]:
        """Return a page of the status changes of a customer's account, for staff. Filters: `limit, cursor`."""
        path = f"/api/accounts/status_history/{account_id}"
        return self._page(StatusChange, path, query, key="status_history")

    def status_history_of(self, user_id: UUID, query: Query) -> ListPage[StatusChange]:
        """Return a page of the changes of the state of all accounts of a customer, for staff; `limit`, `cursor`."""
        path = f"/api/accounts/user/{user_id}/status_history"
        return self._page(StatusChange, path, query, key="status_history")
