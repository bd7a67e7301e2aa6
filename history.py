"""Write a dated history into a bank that is stopped, through the rules and the storage of its services.

The ledger decides each payment by its own rules, but dates a posting by its order instead of the clock. The transaction
service projects the ledger at its next start; `project` does so immediately.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self, cast
from uuid import UUID, uuid4

from flask import Flask
from pydantic import Field

from account_service import ledger_logic, till_logic
from account_service.account_models import OPEN_TILL_ID, Account
from account_service.account_models import db as account_db
from account_service.account_storage import AccountStorage
from account_service.ledger_storage import LedgerStorage
from account_service.till_schemas import NewTill
from account_service.till_storage import TillStorage
from auth_service.auth_models import db as auth_db
from auth_service.auth_storage import UserStorage
from auth_service.identity.identity_models import IdentityCheck
from shared.core import check_digits
from shared.core.ids import new_ids
from shared.core.money import Currency, CurrencyCode
from shared.db.kept_currency import require_currency
from shared.security import data_dir
from shared.web.access import Caller
from shared.web.settings import Settings
from transaction_service.projection_logic import Projection
from transaction_service.projection_storage import ProjectionStorage
from transaction_service.transaction_clients import LedgerClient, Posting
from transaction_service.transaction_logic import Origin, new_order
from transaction_service.transaction_models import db as transaction_db
from transaction_service.transaction_storage import TransactionStorage


class BankSettings(Settings):
    """The URLs of a bank's databases, and its currency."""

    auth_url: str | None = Field(None, repr=False, validation_alias="AUTH_DATABASE_URL")
    account_url: str | None = Field(None, repr=False, validation_alias="ACCOUNT_DATABASE_URL")
    transaction_url: str | None = Field(None, repr=False, validation_alias="TRANSACTION_DATABASE_URL")
    currency: CurrencyCode = Field("USD", validation_alias="BANK_CURRENCY")


@dataclass(frozen=True)
class Holder:
    """An account and its owner. Ids are 32 hexadecimal digits."""

    account_id: str
    user_id: str

    @classmethod
    def of(cls, account: Account) -> Self:
        """Return the account and its owner."""
        return cls(account.id.hex, account.user_id.hex)


@dataclass(frozen=True)
class Payment:
    """A payment at an instant. A side that is None is outside of the bank; at most one is."""

    at: datetime
    amount_minor: int
    description: str
    source: Holder | None = None
    target: Holder | None = None

    @property
    def kind(self) -> Literal["deposit", "withdrawal", "transfer"]:
        """The type of the transaction. Cash out of an employee's till is a deposit."""
        is_deposit = self.source is None or self.source.account_id == OPEN_TILL_ID
        return "deposit" if is_deposit else "withdrawal" if self.target is None else "transfer"


class _DatedLedger(LedgerStorage):
    """A ledger that dates postings by their orders, which must come in the order of their instants."""

    def add_postings(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["decided_at"] = row["requested_at"]
        super().add_postings(rows)


class _LocalLedger(LedgerClient):
    """The ledger as the projection reads it, in this process."""

    def __init__(self, bank: "Bank") -> None:
        self._bank = bank

    def list_after(self, sequence: int, limit: int) -> list[Posting]:
        with self._bank.account_app.app_context():
            return cast(list[Posting], ledger_logic.list_after(self._bank.ledger, sequence, limit))


class Bank:
    """The storage of a stopped bank. Each database is used in the context of an app of its own."""

    def __init__(self, currency: Currency, auth_app: Flask, account_app: Flask, transaction_app: Flask) -> None:
        self.currency = currency
        self.auth_app, self.account_app, self.transaction_app = auth_app, account_app, transaction_app
        self.users, self.accounts = UserStorage(auth_db), AccountStorage(account_db)
        self.ledger: LedgerStorage = _DatedLedger(account_db)

    def has_customers(self) -> bool:
        """Return whether the bank has customers."""
        with self.auth_app.app_context():
            return any(role == "customer" for role, _, _ in self.users.count_by_role_and_status())

    def add_to_auth(self, *rows: object) -> None:
        """Add people and what belongs to them, such as cases, in this order."""
        with self.auth_app.app_context(), self.users.transaction():
            for row in rows:
                self.users.insert(row)

    def add_to_account(self, *rows: object) -> None:
        """Add empty accounts and what belongs to them, such as requests for a second person, in this order."""
        with self.account_app.app_context(), self.accounts.transaction():
            for row in rows:
                self.accounts.insert(row)

    def decide_identity(self, check: IdentityCheck) -> None:
        """Add a decision on who a customer is."""
        with self.auth_app.app_context(), self.users.transaction():
            user = self.users.find_user_to_change(check.user_id)
            if user:
                user.identity = check.state
            self.users.insert(check)

    def open_till(self, user_id: UUID, float_minor: int) -> Holder:
        """Open a till for an employee, and return it as a side of payments."""
        till = NewTill(user_id=user_id, float_minor=float_minor)
        with self.account_app.app_context():
            till_logic.open_till(TillStorage(account_db), self.ledger, till)
        return Holder(OPEN_TILL_ID, user_id.hex)

    def pay(self, payments: Sequence[Payment]) -> list[bool]:
        """Let the ledger decide payments, in the order of their instants. Return the posted ones."""
        orders: Any = [_order(payment) for payment in payments]
        with self.account_app.app_context():
            decisions = ledger_logic.post(self.ledger, orders)
        return [decision["result"]["outcome"] == "posted" for decision in decisions]

    def project(self) -> None:
        """Project all postings of the ledger into the transaction database."""
        transactions, progress = TransactionStorage(transaction_db), ProjectionStorage(transaction_db)
        with self.transaction_app.app_context():
            Projection(transactions, progress, _LocalLedger(self)).catch_up()


@contextmanager
def open_bank(settings: BankSettings) -> Iterator[Bank]:
    """Open the databases as their services do, and close them after the block. Raises CannotStart."""
    data_dir.prepare(settings.data_dir)
    currency = Currency.of(settings.currency)
    apps = []
    with ExitStack() as stack:
        for name, database, url in (
            ("auth", auth_db, settings.auth_url),
            ("account", account_db, settings.account_url),
            ("transaction", transaction_db, settings.transaction_url),
        ):
            apps.append(app := Flask(name))
            database.connect(app, settings.database_url(url, f"{name}.db"))
            stack.callback(database.close)
            if name != "auth":
                require_currency(app, database, currency, amounts=name)
        yield Bank(currency, *apps)


def new_account(user_id: UUID, digits: int, account_type: str, created_at: datetime, nickname: str = "") -> Account:
    """Return an account whose number is `digits`, at most nine of them, and their check digit."""
    number = f"{digits:09d}"
    return Account(
        id=uuid4(),
        user_id=user_id,
        account_number=number + check_digits.check_digit(number),
        account_type=account_type,
        nickname=nickname or None,
        balance_minor=0,
        status="active",
        created_at=created_at,
    )


def _order(payment: Payment) -> object:
    source, target = payment.source, payment.target
    payer = source or target
    if payer is None:
        raise ValueError("a payment needs a side in the bank")
    return new_order(
        Caller(UUID(payer.user_id), "", "customer", UUID(int=0), ""),
        payment.kind,
        payment.amount_minor,
        Origin(new_ids(1)[0], str(uuid4()), uuid4().hex, payment.at),
        description=payment.description,
        from_account_id=source.account_id if source else None,
        to_account_id=target.account_id if target else None,
    )
