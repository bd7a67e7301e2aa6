"""Clients of the services that an export reads. All data is read with the user's token, page by page."""

from collections.abc import Iterator
from typing import Any

from shared.http.client import Peer

PAGE_ROWS = 200
Row = dict[str, Any]


class DataClient:
    """Calls the services for the data of the token's bearer, as they answer it."""

    def __init__(self, auth: Peer, accounts: Peer, transactions: Peer) -> None:
        self._auth, self._accounts, self._transactions = auth, accounts, transactions

    def profile(self, token: str) -> Row:
        """Return the profile."""
        return dict(self._auth.call("GET", "/api/auth/users/profile", token=token)["user"])

    def sessions(self, token: str) -> Iterator[Row]:
        """Yield the sessions."""
        return _pages(self._auth, "/api/auth/sessions", "sessions", token)

    def views(self, token: str) -> Iterator[Row]:
        """Yield who of the staff looked at the data."""
        return _pages(self._auth, "/api/auth/audit/mine", "audit", token)

    def accounts(self, token: str) -> Iterator[Row]:
        """Yield the accounts with their whole numbers, closed ones last."""
        for account in self._accounts.call("GET", "/api/accounts/list", token=token)["accounts"]:
            path = f"/api/accounts/details/{account['id']}"
            yield dict(self._accounts.call("GET", path, token=token)["account"])

    def transactions(self, token: str) -> Iterator[Row]:
        """Yield the transactions on all accounts, newest first."""
        return _pages(self._transactions, "/api/transactions/list", "transactions", token)


def _pages(peer: Peer, path: str, key: str, token: str) -> Iterator[Row]:
    """Yield the rows of all pages of a list."""
    cursor = None
    while True:
        answer = peer.call("GET", path, token=token, query={"limit": PAGE_ROWS, "cursor": cursor})
        yield from answer[key]
        cursor = answer["pagination"]["next_cursor"]
        if cursor is None:
            return
