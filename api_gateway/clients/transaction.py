"""Clients for the transaction service: one for pages, one for batched payments."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from api_gateway.clients.account import SUSPENSE_ACCOUNT_ID, Account
from api_gateway.clients.base import Client, ListPage, Query, ResponseModel
from shared.core.errors import AppError, OutcomeUnknown, ServiceUnavailable
from shared.http.client import NoAnswer, Peer, ServiceToken

Direction = Literal["in", "out", "between", "past"]


class Transaction(ResponseModel):
    """A transaction as its viewer may see it: the account of somebody else has a masked number and no id."""

    id: UUID
    transaction_type: str
    amount: Decimal
    currency: str
    status: str
    failure_code: str | None = None
    account_id: UUID | None = None
    account_number: str | None = None
    from_account_id: UUID | None = None
    from_account_number: str | None = None
    to_account_id: UUID | None = None
    to_account_number: str | None = None
    reverses: UUID | None = None
    reversed_by: UUID | None = None
    category: str | None = None
    description: str | None = None
    timestamp: datetime
    balance_after: Decimal | None = None
    from_name: str | None = None
    to_name: str | None = None

    @property
    def source_id(self) -> UUID | None:
        """Return the id of the account that the money comes from; None when the viewer may not know it."""
        return self.account_id if self.transaction_type == "withdrawal" else self.from_account_id

    @property
    def target_id(self) -> UUID | None:
        """Return the id of the account that the money goes to; None when the viewer may not know it."""
        return self.account_id if self.transaction_type == "deposit" else self.to_account_id

    @property
    def source_number(self) -> str | None:
        """Return the masked number of the account that the money comes from; None for the bank, or if unknown yet."""
        return self.account_number if self.transaction_type == "withdrawal" else self.from_account_number

    @property
    def target_number(self) -> str | None:
        """Return the masked number of the account that the money goes to; None for the bank, or if unknown yet."""
        return self.account_number if self.transaction_type == "deposit" else self.to_account_number

    def direction(self, mine: Collection[UUID]) -> Direction:
        """Return the direction as seen from the accounts `mine`. It is "past" when none of them takes part."""
        goes_out, comes_in = self.source_id in mine, self.target_id in mine
        if goes_out and comes_in:
            return "between"
        if goes_out:
            return "out"
        return "in" if comes_in else "past"

    def headline(self, own: Mapping[UUID, Account]) -> str:
        """Describe the transaction in a line: "Transfer to ••••1234". Accounts in `own` are named."""
        kind = self.transaction_type.capitalize()
        source = self.from_name or _label(self.source_id, self.source_number, own)
        target = self.to_name or _label(self.target_id, self.target_number, own)
        if self.transaction_type == "deposit" or self.direction(own) == "out":
            return f"{kind} to {target}"
        if self.transaction_type == "withdrawal" or self.direction(own) == "in":
            return f"{kind} from {source}"
        return f"{kind} from {source} to {target}"

    def counterparty(self, mine: Collection[UUID]) -> str | None:
        """Return the counterparty's name, seen from the accounts `mine`; both names if neither side is one of them.

        Return None between own accounts, for the bank, and while names are not available.
        """
        names = {"out": (self.to_name,), "in": (self.from_name,), "past": (self.from_name, self.to_name)}
        return " to ".join(filter(None, names.get(self.direction(mine), ()))) or None

    def signed_amount(self, mine: Collection[UUID]) -> Decimal:
        """Return the amount, negative when it leaves the accounts `mine`."""
        return -self.amount if self.direction(mine) == "out" else self.amount


def _label(account_id: UUID | None, number: str | None, own: Mapping[UUID, Account]) -> str:
    account = own.get(account_id) if account_id else None
    if account_id == SUSPENSE_ACCOUNT_ID:
        return "the bank's suspense account"
    return account.label if account else number or "the bank"


class SuspenseItem(ResponseModel):
    """Money of a customer in the suspense account, which the reversal `transaction_id` put there."""

    transaction_id: UUID
    user_id: UUID
    account_id: UUID
    account_number: str | None = None
    amount: Decimal
    currency: str
    description: str | None = None
    timestamp: datetime
    paid_out_by: UUID | None = None


class TypeTotal(ResponseModel):
    """The number of transactions of a type and the sum of their amounts."""

    count: int
    total: Decimal


class Day(ResponseModel):
    """Number, total, income and expense of the transactions of a day."""

    date: date
    count: int
    total: Decimal
    income: Decimal = Decimal()
    expense: Decimal = Decimal()


class Flow(ResponseModel):
    """Income and expense of a period. The total of a type adds up amounts in both directions."""

    count: int
    by_type: dict[str, TypeTotal]
    income: Decimal
    expense: Decimal
    net: Decimal

    @property
    def expense_by_type(self) -> dict[str, Decimal]:
        """Return the expense by type of transaction.

        Totals of types don't tell the direction, and only withdrawals have just one. So the rest of the expense counts
        as transfers. Reversals are subtracted from it, or from all when they exceed it.
        """
        withdrawn = self.by_type["withdrawal"].total if "withdrawal" in self.by_type else Decimal()
        less = ", less reversals" if "reversal" in self.by_type else ""
        if self.expense < withdrawn:
            return {f"Withdrawals{less}": self.expense} if self.expense > 0 else {}
        amounts = {"Withdrawals": withdrawn, f"Transfers{less}": self.expense - withdrawn}
        return {name: amount for name, amount in amounts.items() if amount}


class Summary(Flow):
    """Totals of the completed transactions of a period."""

    by_day: list[Day]
    average: Decimal
    largest: Decimal


class TransactionClient(Client):
    """Calls the transaction service: payments, lists, summaries and reversals."""

    def pay(self, kind: str, body: dict[str, object], *, idempotency_key: str) -> Transaction:
        """Make a payment; `kind` is `deposit`, `withdraw` or `transfer`.

        The same key never pays twice. The returned transaction may be pending.
        """
        return self._pay(f"/api/transactions/{kind}", body, idempotency_key)

    def list_own(self, query: Query) -> ListPage[Transaction]:
        """Return a page of the caller's transactions. Filters: `type, status, account_id, from, to, min, max, q, …`."""
        return self._page(Transaction, "/api/transactions/list", query, key="transactions")

    def list_of_account(self, account_id: UUID, query: Query) -> ListPage[Transaction]:
        """Return a page of an account's transactions, with the filters of `list_own`."""
        return self._page(Transaction, f"/api/transactions/account/{account_id}", query, key="transactions")

    def list_of_user(self, user_id: UUID, query: Query) -> ListPage[Transaction]:
        """Return a page of the transactions on a customer's accounts, for staff, with the same filters."""
        return self._page(Transaction, f"/api/transactions/user/{user_id}", query, key="transactions")

    def list_all(self, query: Query) -> ListPage[Transaction]:
        """Return a page of all transactions, for staff, with the filters of `list_own`."""
        return self._page(Transaction, "/api/transactions/all", query, key="transactions")

    def count_all(self, query: Query) -> int:
        """Return how many of all transactions match the filters, at most 1000, for staff."""
        return self._get(dict[str, int], "/api/transactions/counts", query, key="counts")["transactions"]

    def recent(self, limit: int = 5) -> list[Transaction]:
        """Return the newest transactions of the caller's accounts."""
        return self._get(list[Transaction], "/api/transactions/recent", {"limit": limit}, key="transactions")

    def details(self, transaction_id: UUID) -> Transaction:
        """Return a transaction."""
        return self._get(Transaction, f"/api/transactions/details/{transaction_id}", key="transaction")

    def categorise(self, transaction_id: UUID, category: str | None) -> None:
        """Set the caller's category of a transaction, or remove it."""
        path = f"/api/transactions/{transaction_id}/category"
        self._send("PUT", path, body={"category": category})

    def summary(self, query: Query) -> Summary:
        """Return totals of completed transactions. Filters: `account_id, from, to`."""
        return self._get(Summary, "/api/transactions/summary", query, key="summary")

    def reverse(self, transaction_id: UUID, body: dict[str, object], *, idempotency_key: str) -> Transaction:
        """Reverse a transaction, as an admin, at most once. The body may name another target for the money.

        It is `to_account_id` (another account of the customer) or `to_suspense`. Raises NeedsApproval.
        """
        return self._pay(f"/api/transactions/reverse/{transaction_id}", body, idempotency_key)

    def list_suspense(self, query: Query) -> ListPage[SuspenseItem]:
        """Return a page of money in the suspense account, for staff. Filters: `user_id, paid_out, limit, cursor`."""
        return self._page(SuspenseItem, "/api/transactions/suspense", query, key="suspense")

    def pay_out(self, transaction_id: UUID, to_account_id: str, *, idempotency_key: str) -> Transaction:
        """Pay money in the suspense account out to an account of its customer, as an admin, at most once.

        Raises NeedsApproval.
        """
        path = f"/api/transactions/pay_out/{transaction_id}"
        return self._pay(path, {"to_account_id": to_account_id}, idempotency_key)

    def _pay(self, path: str, body: Query, idempotency_key: str) -> Transaction:
        return self._post_once(Transaction, path, body, idempotency_key, key="transaction")


@dataclass(frozen=True, slots=True)
class BatchedRequest:
    """A deposit, withdrawal or transfer as the client sent it."""

    kind: str
    token: str
    idempotency_key: str | None
    request_id: str
    body: str


@dataclass(frozen=True, slots=True)
class BatchedReply:
    """The response to a batched request."""

    status: int
    headers: dict[str, str]
    body: str


class PaymentClient:
    """Calls the transaction service with batches of payments from many users."""

    def __init__(self, peer: Peer, token: ServiceToken) -> None:
        self._peer, self._token = peer, token

    def carry_out(self, requests: list[BatchedRequest]) -> list[BatchedReply]:
        """Send a batch and return the replies in the order of the requests.

        Raises ServiceUnavailable when nothing has been done for certain, else OutcomeUnknown.
        """
        try:
            self._token.get()
        except AppError:
            raise ServiceUnavailable(retry_after_seconds=1) from None
        try:
            answer = self._token.call(self._peer, "POST", "/internal/requests", body={"requests": requests})
        except AppError as error:
            is_undone = not error.may_have_arrived if isinstance(error, NoAnswer) else 400 <= error.status < 500
            raise ServiceUnavailable(retry_after_seconds=1) if is_undone else OutcomeUnknown from None
        answered = answer.get("answers")
        if not isinstance(answered, list) or len(answered) != len(requests):
            raise OutcomeUnknown
        return [BatchedReply(**one) for one in answered]
