"""The account service, as the pages call it."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from api_gateway.clients.base import MOST, Client, NextPage, Query, Seen
from shared.core.texts import masked

ACCOUNT_TYPES = {
    "checking": "Checking",
    "savings": "Savings",
    "investment": "Investment",
    "fixed_deposit": "Fixed deposit",
}


SUSPENSE_ACCOUNT_ID = UUID(int=1)
"""The bank's account for money that a reversal could give back to no account of its customer. It has no page."""


class Account(Seen):
    """An account. `account_number` is whole only in the owner's own details, else ••••1234."""

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
        """What its owner calls it."""
        return self.nickname or f"{ACCOUNT_TYPES.get(self.account_type, self.account_type)} account"

    @property
    def masked_number(self) -> str:
        """••••1234."""
        return masked(self.account_number)

    @property
    def label(self) -> str:
        """Name and masked number, to choose by."""
        return f"{self.name} {self.masked_number}"

    @property
    def is_active(self) -> bool:
        """Whether money can move."""
        return self.status == "active"


class Accounts(Seen):
    """A page of accounts."""

    accounts: list[Account]
    pagination: NextPage


class StatusChange(Seen):
    """A change of an account's state: who, when and why, as far as that was kept."""

    from_status: str
    to_status: str
    reason: str | None = None
    changed_by: UUID | None = None
    changed_at: datetime | None = None


class StatusHistory(Seen):
    """A page of the changes of an account's state, newest first."""

    status_history: list[StatusChange]
    pagination: NextPage


class Entry(Seen):
    """A row of an account's history: the signed amount, and the balance after it."""

    amount: Decimal
    balance_after: Decimal
    transaction_id: UUID
    timestamp: datetime


class Entries(Seen):
    """A page of an account's history, newest first."""

    history: list[Entry]
    pagination: NextPage


class Payee(Seen):
    """Who would be paid: masked number and masked name."""

    account_number: str
    owner_name: str


class AccountClient(Client):
    """Accounts: one's own, and for staff everybody's."""

    def list_own(self, token: str) -> list[Account]:
        """All accounts of the caller, closed ones last."""
        own: list[Account] = []
        cursor = None
        while True:
            page = self._get(Accounts, token, "/api/accounts/list", {"limit": MOST, "cursor": cursor})
            own += page.accounts
            cursor = page.pagination.next_cursor
            if cursor is None:
                return own

    def has_any(self, token: str) -> bool:
        """Whether the caller has an account, be it a closed one."""
        return bool(self._get(Accounts, token, "/api/accounts/list", {"limit": 1}).accounts)

    def list_all(self, token: str, query: Query, user_id: UUID | None = None) -> Accounts:
        """A page of all accounts or one person's, for staff; `q`, `status`, `account_type`, `limit`, `cursor`."""
        path = f"/api/accounts/user/{user_id}" if user_id else "/api/accounts/all"
        return self._get(Accounts, token, path, query)

    def details(self, token: str, account_id: UUID) -> Account:
        """One account; the whole number for its owner only."""
        return self._get(Account, token, f"/api/accounts/details/{account_id}", key="account")

    def history(self, token: str, account_id: UUID, query: Query) -> Entries:
        """A page of an account's entries, newest first; `from`, `to`, `limit`, `cursor`."""
        return self._get(Entries, token, f"/api/accounts/history/{account_id}", query)

    def look_up(self, token: str, account_number: str) -> Payee:
        """Whose number it is, masked. Raises InvalidRequest for a mistyped number, NotFound."""
        return self._get(Payee, token, "/api/accounts/lookup", {"account_number": account_number}, key="account")

    def open(self, token: str, *, account_type: str, nickname: str | None, idempotency_key: str) -> Account:
        """Open an account for the caller; the same key opens only one."""
        return self._open("/api/accounts/create", token, account_type, nickname, idempotency_key)

    def open_for(
        self, token: str, user_id: UUID, *, account_type: str, nickname: str | None, idempotency_key: str
    ) -> Account:
        """Open an account for a customer, as staff; the same key opens only one."""
        return self._open(f"/api/accounts/user/{user_id}", token, account_type, nickname, idempotency_key)

    def close(self, token: str, account_id: UUID) -> Account:
        """Close an empty account for good."""
        answer = self._peer.call("DELETE", f"/api/accounts/close/{account_id}", token=token)
        return Account.model_validate(answer["account"])

    def change_status(self, token: str, account_id: UUID, *, status: str, reason: str) -> Account:
        """Freeze an account or let it go on, as staff."""
        body = {"status": status, "reason": reason}
        answer = self._peer.call("PUT", f"/api/accounts/update/{account_id}", token=token, body=body)
        return Account.model_validate(answer["account"])

    def status_history(self, token: str, account_id: UUID, query: Query) -> StatusHistory:
        """A page of the changes of a customer's account's state, for staff; `limit`, `cursor`."""
        return self._get(StatusHistory, token, f"/api/accounts/status_history/{account_id}", query)

    def _open(self, path: str, token: str, account_type: str, nickname: str | None, key: str) -> Account:
        body, headers = {"account_type": account_type, "nickname": nickname}, {"Idempotency-Key": key}
        return Account.model_validate(self._peer.call("POST", path, token=token, body=body, headers=headers)["account"])
