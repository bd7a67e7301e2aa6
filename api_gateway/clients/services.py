"""The four services as the pages call them: a class per service, with the person's token in every call.

All raise the AppError that the service answered, or ServiceUnavailable when it is silent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar
from uuid import UUID

from api_gateway.clients.report_schemas import Report, Reports
from api_gateway.clients.schemas import (
    Account,
    Accounts,
    Entries,
    Payee,
    Person,
    Seen,
    StatusHistory,
    Summary,
    Suspense,
    Transaction,
    Transactions,
    User,
    Users,
)
from shared.core.errors import AppError, OutcomeUnknown, ServiceUnavailable
from shared.http.client import NoAnswer, Peer, ServiceToken

Query = Mapping[str, object]
Days = tuple[date | None, date | None]
MOST = 200
_T = TypeVar("_T", bound=Seen)


class _Client:
    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def _get(self, kind: type[_T], token: str, path: str, query: Query | None = None, *, key: str = "") -> _T:
        """The answer as `kind`, or the part of it under `key`."""
        answer = self._peer.call("GET", path, token=token, query=dict(query or {}))
        return kind.model_validate(answer[key] if key else answer)


class AuthClient(_Client):
    """People, for those who manage them."""

    def users(self, token: str, query: Query) -> Users:
        """A page of people; `q`, `role`, `status`, `limit`, `cursor`."""
        return self._get(Users, token, "/api/auth/users", query)

    def user(self, token: str, user_id: UUID) -> User:
        """One person."""
        return self._get(User, token, f"/api/auth/users/{user_id}", key="user")

    def look_up(self, token: str, **named: object) -> Person:
        """The one person of exactly this `username`, `email` or `user_id`, for staff. Raises NotFound."""
        return self._get(Person, token, "/api/auth/users/lookup", named, key="user")

    def change_user(self, token: str, user_id: UUID, **changes: str) -> User:
        """Set somebody's `role` or `status`, which ends their sessions."""
        answer = self._peer.call("PUT", f"/api/auth/users/{user_id}", token=token, body=changes)
        return User.model_validate(answer["user"])


class AccountClient(_Client):
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


class TransactionClient(_Client):
    """Payments, and what became of them."""

    def pay(self, token: str, kind: str, body: dict[str, object], *, idempotency_key: str) -> Transaction:
        """A `deposit`, `withdraw` or `transfer`; the same key never pays twice. It may come back as pending."""
        headers = {"Idempotency-Key": idempotency_key}
        answer = self._peer.call("POST", f"/api/transactions/{kind}", token=token, body=body, headers=headers)
        return Transaction.model_validate(answer["transaction"])

    def list_own(self, token: str, query: Query) -> Transactions:
        """A page of everything on the caller's accounts; `type, status, account_id, from, to, min, max, q, …`."""
        return self._get(Transactions, token, "/api/transactions/list", query)

    def list_of_account(self, token: str, account_id: UUID, query: Query) -> Transactions:
        """A page of one account's transactions, with the same filters."""
        return self._get(Transactions, token, f"/api/transactions/account/{account_id}", query)

    def list_all(self, token: str, query: Query) -> Transactions:
        """A page of all transactions, for staff, with the same filters."""
        return self._get(Transactions, token, "/api/transactions/all", query)

    def recent(self, token: str, limit: int = 5) -> list[Transaction]:
        """The newest transactions on the caller's accounts."""
        answer = self._peer.call("GET", "/api/transactions/recent", token=token, query={"limit": limit})
        return [Transaction.model_validate(transaction) for transaction in answer["transactions"]]

    def details(self, token: str, transaction_id: UUID) -> Transaction:
        """One transaction."""
        return self._get(Transaction, token, f"/api/transactions/details/{transaction_id}", key="transaction")

    def summary(self, token: str, query: Query) -> Summary:
        """Completed transactions summed up; `account_id`, `from`, `to`."""
        return self._get(Summary, token, "/api/transactions/summary", query, key="summary")

    def reverse(
        self, token: str, transaction_id: UUID, body: dict[str, object], *, idempotency_key: str
    ) -> Transaction:
        """The opposite of a transaction, as an admin, once; `to_account_id` or `to_suspense` is another way back."""
        return self._undo(f"/api/transactions/reverse/{transaction_id}", token, body, idempotency_key)

    def list_suspense(self, token: str, query: Query) -> Suspense:
        """A page of money in suspense, for staff; `user_id`, `paid_out`, `limit`, `cursor`."""
        return self._get(Suspense, token, "/api/transactions/suspense", query)

    def pay_out(self, token: str, transaction_id: UUID, to_account_id: str, *, idempotency_key: str) -> Transaction:
        """Money in suspense, given to an account of its customer as an admin, once."""
        body = {"to_account_id": to_account_id}
        return self._undo(f"/api/transactions/pay_out/{transaction_id}", token, body, idempotency_key)

    def _undo(self, path: str, token: str, body: Query, idempotency_key: str) -> Transaction:
        headers = {"Idempotency-Key": idempotency_key}
        answer = self._peer.call("POST", path, token=token, body=body, headers=headers)
        return Transaction.model_validate(answer["transaction"])


class ReportingClient(_Client):
    """Reports: made when asked for, and stored with `save`."""

    def account_report(self, token: str, account_id: UUID, days: Days, *, save: bool = False) -> Report:
        """One account over a period of days, both counted; 30 days when none is given."""
        return self._report(token, f"/api/reports/account/{account_id}", days, save=save)

    def transaction_report(self, token: str, days: Days, *, save: bool = False) -> Report:
        """All of the caller's accounts over a period."""
        return self._report(token, "/api/reports/transactions", days, save=save)

    def system_report(self, token: str, days: Days = (None, None), *, save: bool = False) -> Report:
        """The whole bank over a period, for admins."""
        return self._report(token, "/api/reports/system", days, save=save)

    def details(self, token: str, report_id: UUID) -> Report:
        """A stored report."""
        return self._get(Report, token, f"/api/reports/details/{report_id}", key="report")

    def list_own(self, token: str, query: Query) -> Reports:
        """A page of the caller's stored reports."""
        return self._get(Reports, token, "/api/reports/list", query)

    def _report(self, token: str, path: str, days: Days, *, save: bool) -> Report:
        query = {"start_date": days[0], "end_date": days[1], "save": "true" if save else "false"}
        return self._get(Report, token, path, query, key="report")


@dataclass(frozen=True, slots=True)
class BatchedRequest:
    """A deposit, withdrawal or transfer as somebody sent it."""

    kind: str
    token: str
    idempotency_key: str | None
    request_id: str
    body: str


@dataclass(frozen=True, slots=True)
class BatchedReply:
    """What to answer to it."""

    status: int
    headers: dict[str, str]
    body: str


class PaymentClient:
    """The transaction service as it takes requests of many people at once."""

    def __init__(self, peer: Peer, token: ServiceToken) -> None:
        self._peer, self._token = peer, token

    def carry_out(self, requests: list[BatchedRequest]) -> list[BatchedReply]:
        """The answers in order.

        Raises ServiceUnavailable when nothing can have been done, else OutcomeUnknown.
        """
        try:
            self._token.get()
        except AppError:
            raise ServiceUnavailable(retry_after_seconds=1) from None
        try:
            answer = self._token.call(self._peer, "POST", "/internal/requests", body={"requests": requests})
        except NoAnswer as silence:
            if silence.may_have_arrived:
                raise OutcomeUnknown from None
            raise
        except AppError as refusal:
            if 400 <= refusal.status < 500:
                raise ServiceUnavailable(retry_after_seconds=1) from None
            raise OutcomeUnknown from None
        answered = answer.get("answers")
        if not isinstance(answered, list) or len(answered) != len(requests):
            raise OutcomeUnknown
        return [BatchedReply(**one) for one in answered]
