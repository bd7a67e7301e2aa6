"""Fill a bank with half a year of transactions through the storage layer, in minutes.

    python -m benchmarks.filling DATA_DIR --transactions 1000000

A thousand customers have two accounts each; every fifth transaction is of one more, the regular, who alone can log in.
In the end balances, entries, transactions and sums by day have to agree.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

from auth_service.auth_models import User
from history import Bank, BankSettings, Holder, Payment, new_account, open_bank
from shared.core.clock import now
from shared.security.passwords import Passwords
from transaction_service.transaction_models import db as transaction_db
from transaction_service.volumes.bank_volume_storage import BankVolumeStorage, volumes_of
from transaction_service.volumes.volume_storage import VolumeStorage

REGULAR, PASSWORD = "regular", "correct horse battery staple"
CUSTOMERS, DAYS = 1000, 180
REGULAR_EVERY = 5
BATCH_SIZE = 1000
_SEED = 1694


@dataclass
class PaymentGenerator:
    """A reproducible sequence of payments, and the balances of the accounts."""

    regulars: list[Holder]
    others: list[Holder]
    random: Random = field(default_factory=lambda: Random(_SEED))
    balances: Counter[Holder] = field(default_factory=Counter)

    def pay(self, at: datetime, *, is_regular: bool) -> Payment:
        """Return the next payment: about 30 % deposits, 30 % withdrawals, 40 % transfers; 1 % exceeds the balance."""
        own = self.random.choice(self.regulars if is_regular else self.others)
        chance, amount_minor = self.random.random(), self.random.randint(100, 20_000)
        source: Holder | None = own
        target: Holder | None = None
        if chance < 0.01:
            amount_minor += self.balances[own]
        elif chance < 0.3 or self.balances[own] < amount_minor:
            source, target, amount_minor = None, own, self.random.randint(10_000, 40_000)
        elif chance > 0.6:
            target = self._payee(own)
        if source is None or self.balances[source] >= amount_minor:
            self.balances.update({source: -amount_minor} if source else {})
            self.balances.update({target: amount_minor} if target else {})
        payment = Payment(at, amount_minor, "", source, target)
        return replace(payment, description=f"{payment.kind.capitalize()} number {self.random.randrange(1000)}")

    def _payee(self, own: Holder) -> Holder:
        known = self.regulars if self.random.random() < 0.1 else self.others
        return next(account for account in self.random.sample(known, 2) if account != own)


def main() -> int:
    """Fill the bank and check its sums. Return 1 when they don't agree."""
    parser = argparse.ArgumentParser(description="Fill a bank's data folder with half a year of transactions.")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--transactions", type=int, default=1_000_000)
    options = parser.parse_args()
    started = time.monotonic()
    with open_bank(BankSettings.load(BANK_DATA_DIR=str(options.data_dir))) as bank:
        generator = _add_people(bank)
        completed = _write_payments(bank, generator, options.transactions)
        bank.project()
        faults = list(_disagreements(bank, generator, completed))
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{options.transactions} transactions in {time.monotonic() - started:.0f} seconds", file=sys.stderr)
    return 1 if faults else 0


def _add_people(bank: Bank) -> PaymentGenerator:
    """Add the regular and a thousand others, who have no password and so can't log in, with two accounts each."""
    came_at = now() - timedelta(days=DAYS)
    names = [REGULAR, *(f"customer-{number}" for number in range(CUSTOMERS))]
    people = [
        User(id=uuid4(), username=name, email=f"{name}@example.com", password_hash="", created_at=came_at)
        for name in names
    ]
    people[0].password_hash = Passwords().hash(PASSWORD)
    owners = [person.id for person in people for _ in ("checking", "savings")]
    bank.add_to_auth(*people)
    # The account service gives greater numbers.
    accounts = [
        new_account(user_id, place, "savings" if place % 2 else "checking", came_at)
        for place, user_id in enumerate(owners)
    ]
    bank.add_to_account(*accounts)
    holders = [Holder.of(account) for account in accounts]
    return PaymentGenerator(holders[:2], holders[2:])


def _write_payments(bank: Bank, generator: PaymentGenerator, transactions: int) -> int:
    """Write the payments, evenly distributed over the days until now. Return the number of completed ones."""
    first, step, completed = now() - timedelta(days=DAYS), timedelta(days=DAYS) / transactions, 0
    for begin in range(0, transactions, BATCH_SIZE):
        numbers = range(begin, min(begin + BATCH_SIZE, transactions))
        payments = [generator.pay(first + step * number, is_regular=number % REGULAR_EVERY == 0) for number in numbers]
        completed += sum(bank.pay(payments))
        if numbers.stop % 100_000 == 0:
            print(f"{numbers.stop} of {transactions} transactions are decided", file=sys.stderr)
    return completed


def _disagreements(bank: Bank, generator: PaymentGenerator, completed: int) -> Iterator[str]:
    """Yield the inconsistencies among deposits, balances, entries, sums by day and transactions."""
    holders, volumes = (*generator.regulars, *generator.others), VolumeStorage(transaction_db)
    with bank.account_app.app_context():
        if generator.balances.total() != -bank.ledger.entries.sum_of(None):
            yield "the balances are not what has come in from the settlement account"
        entered = {holder: bank.ledger.entries.sum_of(holder.account_id) for holder in holders}
        found = {
            account.id: account.balance_minor
            for account in bank.ledger.find_accounts([holder.account_id for holder in holders])
        }
    with bank.transaction_app.app_context():
        for holder in holders:
            kept = volumes.of_user(holder.user_id, account_id=holder.account_id, since=None, until=None)
            moved = sum(day.income_minor - day.expense_minor for day in kept.by_day.values())
            if not found[holder.account_id] == generator.balances[holder] == entered[holder] == moved:
                yield f"account {holder.account_id}: balance, entries and sums by day do not agree"
        if volumes_of(BankVolumeStorage(transaction_db).by_day_and_type(since=None, until=None)).count != completed:
            yield "the sums of the bank have not counted all transactions"


if __name__ == "__main__":
    sys.exit(main())
