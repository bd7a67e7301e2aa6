"""A bank with half a year behind it, written through the storage layer: what its API would have left, in minutes.

    python -m benchmarks.filling DATA_DIR --transactions 1000000

The services have run once on that folder, so that the regular customer is there with accounts, and do not run now. A
thousand customers with two accounts each join them; every fifth transaction is the regular's. In the end balances,
entries, transactions and sums by day have to agree.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

from flask import Flask

from account_service.account_models import Account
from account_service.account_models import db as account_db
from account_service.account_storage import AccountStorage
from account_service.ledger_storage import LedgerStorage, LockedAccount
from auth_service.auth_models import User
from auth_service.auth_models import db as auth_db
from auth_service.auth_storage import UserStorage
from shared.core import check_digits
from shared.core.clock import now
from shared.core.ids import new_ids
from shared.core.texts import masked
from transaction_service.projection_storage import ProjectionStorage
from transaction_service.transaction_models import Transaction
from transaction_service.transaction_models import db as transaction_db
from transaction_service.transaction_storage import TransactionStorage
from transaction_service.volume_storage import VolumeStorage

REGULAR = "regular"
CUSTOMERS, ACCOUNTS_EACH, DAYS = 1000, 2, 180
REGULAR_EVERY = 5
BATCH_SIZE = 1000
_SEED = 1694


@dataclass(frozen=True)
class Side:
    """A side of a transaction that was carried out, with the balance after it; without an account it is the bank's."""

    account: LockedAccount | None
    amount_minor: int
    balance_after_minor: int | None


@dataclass(frozen=True)
class Move:
    """A transaction, and its two sides; none when it was refused."""

    transaction: Transaction
    sides: tuple[Side, ...]


@dataclass
class Bank:
    """The accounts with their balances, and what happens on them; the same each time."""

    regulars: list[LockedAccount]
    others: list[LockedAccount]
    random: Random = field(default_factory=lambda: Random(_SEED))
    completed: int = 0

    def move(self, at: datetime, *, is_regular: bool) -> Move:
        """Of a hundred about thirty are paid in, thirty drawn, and forty go on to another account; one is refused."""
        own = self.random.choice(self.regulars if is_regular else self.others)
        chance, amount_minor = self.random.random(), self.random.randint(100, 20_000)
        if chance < 0.01:
            return self._carried_out("withdrawal", at, own, None, own.balance_minor + amount_minor)
        if chance < 0.3 or own.balance_minor < amount_minor:
            return self._carried_out("deposit", at, None, own, self.random.randint(10_000, 40_000))
        if chance < 0.6:
            return self._carried_out("withdrawal", at, own, None, amount_minor)
        return self._carried_out("transfer", at, own, self._payee(own), amount_minor)

    def _payee(self, own: LockedAccount) -> LockedAccount:
        known = self.regulars if self.random.random() < 0.1 else self.others
        return next(account for account in self.random.sample(known, 2) if account is not own)

    def _carried_out(
        self, kind: str, at: datetime, source: LockedAccount | None, target: LockedAccount | None, amount_minor: int
    ) -> Move:
        transaction = self._pending(kind, at, source, target, amount_minor)
        if source and source.balance_minor < amount_minor:
            return Move(transaction, ())
        self.completed += 1
        return Move(transaction, (_side(source, -amount_minor), _side(target, amount_minor)))

    def _pending(
        self, kind: str, at: datetime, source: LockedAccount | None, target: LockedAccount | None, amount_minor: int
    ) -> Transaction:
        own = source or target
        assert own
        return Transaction(
            id=new_ids(1)[0],
            user_id=own.user_id,
            transaction_type=kind,
            amount_minor=amount_minor,
            status="pending",
            description=f"{kind.capitalize()} number {self.random.randrange(1000)}",
            from_account_id=source.id if source else None,
            from_user_id=source.user_id if source else None,
            to_account_id=target.id if target else None,
            to_user_id=target.user_id if target and not source else None,
            idempotency_key=str(uuid4()),
            fingerprint=sha256(f"{kind} {amount_minor} {at}".encode()).hexdigest(),
            request_id=uuid4().hex,
            created_at=at,
            timestamp=at,
        )


def main() -> int:
    """Fill, and add everything up; 1 when it does not agree."""
    parser = argparse.ArgumentParser(description="Fill a bank's data folder with half a year of transactions.")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--transactions", type=int, default=1_000_000)
    options = parser.parse_args()
    started = time.monotonic()
    with _databases(options.data_dir):
        bank = Bank(_regulars(), _newcomers())
        for moves in _batches(bank, options.transactions):
            _record(moves, _post(moves))
        faults = list(_disagreements(bank))
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{options.transactions} transactions in {time.monotonic() - started:.0f} seconds", file=sys.stderr)
    return 1 if faults else 0


@contextmanager
def _databases(data_dir: Path) -> Iterator[None]:
    """The three databases, opened as their services open them."""
    with ExitStack() as stack:
        for name, database in (("auth", auth_db), ("account", account_db), ("transaction", transaction_db)):
            app = Flask(name)
            database.connect(app, f"sqlite:///{data_dir / name}.db")
            stack.callback(database.close)
        stack.enter_context(app.app_context())
        yield


def _regulars() -> list[LockedAccount]:
    regular = UserStorage(auth_db).find_by_username(REGULAR)
    assert regular
    return [_locked(account) for account in AccountStorage(account_db).list_own(regular.id, limit=9, after=None)]


def _newcomers() -> list[LockedAccount]:
    """The accounts of a thousand new customers. They have no password, and so can't log in."""
    users, accounts = UserStorage(auth_db), AccountStorage(account_db)
    came_at = now() - timedelta(days=DAYS)
    names = [f"customer-{number}" for number in range(CUSTOMERS)]
    people = [
        User(id=uuid4(), username=name, email=f"{name}@example.com", password_hash="", created_at=came_at)
        for name in names
    ]
    with users.transaction():
        for person in people:
            users.add_user(person)
    new = [_account(person.id, place, came_at) for place, person in enumerate(people * ACCOUNTS_EACH)]
    with accounts.transaction():
        for account in new:
            accounts.add_account(account)
    return [_locked(account) for account in new]


def _account(user_id: UUID, place: int, created_at: datetime) -> Account:
    digits = f"{place:09d}"  # the account service gives greater numbers
    number = digits + check_digits.check_digit(digits)
    return Account(
        id=uuid4(),
        user_id=user_id,
        account_number=number,
        account_type="checking",
        balance_minor=0,
        status="active",
        created_at=created_at,
    )


def _locked(account: Account) -> LockedAccount:
    return LockedAccount(
        account.id.hex, account.user_id.hex, account.account_number, account.status, account.balance_minor
    )


def _side(account: LockedAccount | None, amount_minor: int) -> Side:
    if account is None:
        return Side(None, amount_minor, None)
    account.balance_minor += amount_minor
    return Side(account, amount_minor, account.balance_minor)


def _batches(bank: Bank, transactions: int) -> Iterator[list[Move]]:
    """All that happens, evenly over the days until now."""
    first, step = now() - timedelta(days=DAYS), timedelta(days=DAYS) / transactions
    for begin in range(0, transactions, BATCH_SIZE):
        numbers = range(begin, min(begin + BATCH_SIZE, transactions))
        yield [bank.move(first + step * number, is_regular=number % REGULAR_EVERY == 0) for number in numbers]
        if numbers.stop % 100_000 == 0:
            print(f"{numbers.stop} of {transactions} transactions are written", file=sys.stderr)


def _post(moves: list[Move]) -> int:
    """Write what the account service would: postings and balances. Returns the last decision's sequence."""
    ledger = LedgerStorage(account_db)
    touched = {side.account.id: side.account for move in moves for side in move.sides if side.account}
    postings = [_posting(move) for move in moves]
    with ledger.transaction():
        ledger.add_postings(postings)
        ledger.set_balances(touched.values())
    return int(postings[-1]["sequence"])


def _posting(move: Move) -> dict[str, Any]:
    asked = move.transaction
    source, target = (side.balance_after_minor for side in move.sides or (Side(None, 0, None),) * 2)
    order = ("transaction_type", "user_id", "amount_minor", "from_account_id", "to_account_id", "to_account_number")
    more = ("reverses_id", "description", "fingerprint", "idempotency_key", "request_id")
    return {name: getattr(asked, name) for name in order + more} | {
        "transaction_id": asked.id,
        "outcome": "posted" if move.sides else "rejected",
        "reason": None if move.sides else "INSUFFICIENT_FUNDS",
        "decided_at": asked.timestamp,
        "requested_at": asked.created_at,
        "from_balance_after_minor": source,
        "to_balance_after_minor": target,
    }


def _record(moves: list[Move], sequence: int) -> None:
    """Write what the transaction service would: what came of them, and that all is projected up to `sequence`."""
    storage, progress = TransactionStorage(transaction_db), ProjectionStorage(transaction_db)
    for move in moves:
        _decide(move)
    with storage.transaction(durable=False):
        storage.project([move.transaction for move in moves])
        progress.advance(sequence, moves[-1].transaction.id)


def _decide(move: Move) -> None:
    transaction = move.transaction
    if not move.sides:
        transaction.status, transaction.reason = "failed", "INSUFFICIENT_FUNDS"
        return
    transaction.status = "completed"
    for name, side in zip(("from", "to"), move.sides, strict=True):
        if side.account:
            setattr(transaction, f"{name}_user_id", side.account.user_id)
            setattr(transaction, f"{name}_masked_number", masked(side.account.account_number))
            setattr(transaction, f"{name}_balance_after_minor", side.balance_after_minor)


def _disagreements(bank: Bank) -> Iterator[str]:
    """What does not add up: balances to what came in, entries and sums by day to balances, sums to transactions."""
    accounts, ledger, volumes = AccountStorage(account_db), LedgerStorage(account_db), VolumeStorage(transaction_db)
    if sum(account.balance_minor for account in (*bank.regulars, *bank.others)) != -ledger.sum_of_entries(None):
        yield "the balances are not what has come in from the settlement account"
    for account in (*bank.regulars, *bank.others):
        found = accounts.find_account(UUID(account.id))
        entered = ledger.sum_of_entries(account.id)
        kept = volumes.of_user(account.user_id, account_id=account.id, since=None, until=None)
        moved = sum(day.income_minor - day.expense_minor for day in kept.by_day.values())
        if not (found and found.balance_minor == account.balance_minor == entered == moved):
            yield f"account {account.account_number}: balance, entries and sums by day do not agree"
    if sum(day.count for day in volumes.of_all(since=None, until=None).by_day.values()) != bank.completed:
        yield "the sums by day have not counted all transactions"


if __name__ == "__main__":
    sys.exit(main())
