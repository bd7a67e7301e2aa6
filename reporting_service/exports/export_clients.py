"""Clients of the services that an export reads. All data is read with the user's token, page by page."""

from collections.abc import Iterator
from typing import Any

from shared.http.client import Peer

Row = dict[str, Any]


class DataClient:
    """Calls the services for the data of the token's bearer, as they answer it."""

    def __init__(self, auth: Peer, accounts: Peer, transactions: Peer) -> None:
        self._auth, self._accounts, self._transactions = auth, accounts, transactions

    def profile(self, token: str) -> Row:
        """Return the profile, with the stored data of the identity document."""
        user = self._auth.call("GET", "/api/auth/users/profile", token=token)["user"]
        return {**user, "identity": self._auth.call("GET", "/api/auth/identity", token=token)["identity"]}

    def cases(self, token: str) -> Iterator[Row]:
        """Yield the disputes and questions with their messages. This marks the messages as read."""
        for case in self._auth.rows("/api/auth/cases", "cases", token=token):
            found = self._auth.call("GET", f"/api/auth/cases/{case['id']}", token=token)
            yield {**case, "messages": found["messages"]}

    def sessions(self, token: str) -> Iterator[Row]:
        """Yield the sessions."""
        return self._auth.rows("/api/auth/sessions", "sessions", token=token)

    def views(self, token: str) -> Iterator[Row]:
        """Yield the accesses of staff to the data."""
        return self._auth.rows("/api/auth/audit/mine", "audit", token=token)

    def accounts(self, token: str) -> Iterator[Row]:
        """Yield the accounts with their whole numbers, closed ones last."""
        for account in self._accounts.rows("/api/accounts/list", "accounts", token=token):
            path = f"/api/accounts/details/{account['id']}"
            yield dict(self._accounts.call("GET", path, token=token)["account"])

    def transactions(self, token: str) -> Iterator[Row]:
        """Yield the transactions on all accounts, newest first."""
        return self._transactions.rows("/api/transactions/list", "transactions", token=token)
