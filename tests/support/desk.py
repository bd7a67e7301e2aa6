"""The rules of the account and the transaction service in one process; tests can break the calls between them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from flask import Flask
from pydantic_core import from_json, to_json
from sqlalchemy import func, select, update

from account_service import account_logic, ledger_logic
from account_service.account_models import (
    OVER_AND_SHORT_ACCOUNT_ID,
    SUSPENSE_ACCOUNT_ID,
    VAULT_ACCOUNT_ID,
    Account,
    Till,
)
from account_service.account_models import db as account_db
from account_service.account_schemas import NewAccount
from account_service.common_service import Tools
from account_service.ledger_schemas import Order as OrderHeard
from account_service.ledger_schemas import OrderBatch
from account_service.ledger_storage import LedgerStorage
from shared.core.clock import now
from shared.core.ids import new_ids
from shared.core.money import Currency
from shared.http.client import NoAnswer, Peer, ServiceToken
from shared.web.access import Caller
from shared.web.parts import part
from tests.support.suite import Suite
from transaction_service import posting_logic, transaction_logic
from transaction_service.posting_logic import VOID_AFTER, Outcome, PostingTools
from transaction_service.projection_logic import Projection
from transaction_service.projection_storage import ProjectionStorage
from transaction_service.transaction_clients import LedgerClient, Order
from transaction_service.transaction_logic import Origin
from transaction_service.transaction_models import Transaction, TransactionRow, db
from transaction_service.transaction_schemas import OwnMovement
from transaction_service.transaction_storage import Filters, TransactionStorage
from transaction_service.volumes.volume_storage import VolumeStorage

OWNER = uuid4()
CALLER = Caller(OWNER, "owner", "customer", uuid4(), "")
USD = Currency.of("USD")


class Crash(BaseException):
    """Raised to simulate that the process dies at this point."""


class Ledger(LedgerClient):
    """The real ledger, with a connection that can fail before the request arrives or before the response does."""

    def __init__(self, app: Flask) -> None:
        super().__init__(cast(Peer, None), cast(ServiceToken, self))
        self._app = app
        self.storage = part(Tools, app).ledger
        self.is_reachable = self.responds = True

    def call(self, _peer: Peer, _method: str, path: str, **asked: Any) -> Any:
        """Call the rules of the ledger, with request and response converted by JSON as over HTTP."""
        rules: dict[str, Callable[[], object]] = {
            "/internal/postings/void": lambda: {"decisions": ledger_logic.void(self.storage, _heard(asked["body"]))},
            "/internal/postings/describe": lambda: ledger_logic.describe(self.storage, _heard(asked["body"])),
            "/internal/postings": lambda: (
                {"decisions": ledger_logic.post(self.storage, _heard(asked["body"]))}
                if "body" in asked
                else {"postings": ledger_logic.list_after(self.storage, *asked["query"].values())}
            ),
        }
        return self._carry(rules[path])

    def _carry(self, function: Callable[[], object]) -> Any:
        if not self.is_reachable:
            raise NoAnswer(may_have_arrived=False)
        with self._app.app_context():
            result = function()
        if not self.responds:
            raise NoAnswer(may_have_arrived=True)
        return from_json(to_json(result))


class Desk:
    """Carries out orders through both services and reads their outcomes."""

    def __init__(self, suite: Suite) -> None:
        self.app = suite.apps["transaction"]
        self.account_app = suite.apps["account"]
        self.progress = ProjectionStorage(db)
        self.ledger = Ledger(self.account_app)
        self._accounts = part(Tools, self.account_app).accounts
        self.restart()

    def restart(self) -> None:
        """Replace the objects that hold state in memory, and catch up with the ledger."""
        self.storage = TransactionStorage(db)
        self.projection = Projection(self.storage, self.progress, self.ledger)
        self.tools = PostingTools(self.storage, self.ledger, self.projection)
        self.projection.catch_up()

    def open(self) -> Account:
        with self.account_app.app_context():
            return account_logic.open_account(self._accounts, OWNER, NewAccount(account_type="checking"))

    def balance(self, account: Account) -> int:
        with self.account_app.app_context():
            self._accounts.refresh()
            found = self._accounts.find_account(account.id)
            assert found is not None
            return found.balance_minor

    def order(self, account: Account, key: str | None = None, amount: str = "1.00") -> Order:
        new = OwnMovement.model_validate({"account_id": account.id, "amount": Decimal(amount)})
        return transaction_logic.deposit(USD, CALLER, new, origin(key))

    def deposit(self, account: Account, key: str | None = None, amount: str = "1.00") -> Outcome:
        """Carry out one deposit and return its outcome. Raises the error that the client gets."""
        (outcome,) = self.carry_out(self.order(account, key, amount))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def carry_out(self, *orders: Order) -> list[Outcome | Exception]:
        return posting_logic.carry_out(self.tools, list(orders))

    def resend(self) -> int:
        return posting_logic.resend(self.tools)

    def find(self, transaction_id: str) -> Transaction | None:
        self.storage.refresh()
        return self.storage.find_transaction(transaction_id)

    def status(self, outcome: Outcome) -> str | None:
        """Return the stored status of a transaction, or None when nothing is stored."""
        found = self.find(outcome.transaction.id)
        return found.status if found else None

    def make_old(self, outcome: Outcome) -> None:
        """Set the creation time of a pending transaction to before VOID_AFTER."""
        long_ago = now() - VOID_AFTER - timedelta(seconds=1)
        with self.storage.transaction():
            this_one = update(TransactionRow).where(TransactionRow.id == outcome.transaction.id)
            db.session.execute(this_one.values(created_at=long_ago))

    def summed(self, account: Account) -> int:
        """Return the net sum of an account from the sums by day, after checking it against the listed transactions."""
        self.storage.refresh()
        sums = VolumeStorage(db).of_user(OWNER.hex, account_id=account.id.hex, since=None, until=None).by_day.values()
        listed = self.storage.list_of_user(
            OWNER.hex, Filters(status="completed"), account_id=account.id.hex, limit=1000
        )
        total = sum(row.amount_minor if row.to_account_id == account.id.hex else -row.amount_minor for row in listed)
        assert total == sum(day.income_minor - day.expense_minor for day in sums)
        return total


def sum_of_all_balances(ledger: LedgerStorage) -> int:
    """Return the sum of all balances, including the bank's own accounts, in minor units. It must be zero."""
    with account_db.reader.connect() as connection:
        held = connection.scalar(select(func.coalesce(func.sum(Account.balance_minor), 0)))
        cash = connection.scalar(select(func.coalesce(func.sum(Till.cash_minor), 0)))
    of_the_bank = (None, SUSPENSE_ACCOUNT_ID, VAULT_ACCOUNT_ID, OVER_AND_SHORT_ACCOUNT_ID)
    return int(held or 0) - int(cash or 0) + sum(map(ledger.entries.sum_of, of_the_bank))


def origin(key: str | None = None) -> Origin:
    """Return the origin of a request that arrives now, with a new id."""
    return Origin(new_ids(1)[0], key, None, now())


def _heard(body: object) -> list[OrderHeard]:
    return OrderBatch.model_validate_json(to_json(body)).postings


@contextmanager
def open_desk(data_dir: Path, database: str) -> Iterator[Desk]:
    """Create a desk on "sqlite" or "postgresql" during the block."""
    suite = Suite(data_dir, names=("account", "transaction"), database=database)
    try:
        with suite.apps["transaction"].app_context():
            yield Desk(suite)
    finally:
        suite.stop()
