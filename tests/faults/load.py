"""Customers that put load on the bank under test, and the check of their observations."""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, get_args

import requests

from tests.faults.bank import ADMIN_PASSWORD, ANSWER_SECONDS, PASSWORD, FaultyBank, minor
from tests.faults.history import History, Operation, Outcome, Silence, TotalRead, judge
from tests.support.processes import eventually

SEED = int(os.environ.get("BANK_FAULT_SEED") or "20261125")
ROUNDS = int(os.environ.get("BANK_FAULT_ROUNDS") or "1")


@dataclass(frozen=True)
class Payer:
    """A customer of the bank under test, by their token and their accounts."""

    token: str
    account_ids: tuple[str, ...]

    @classmethod
    def of(cls, bank: FaultyBank, username: str, *, accounts: int, opening: str) -> "Payer":
        """Register a customer and open accounts with an opening deposit each."""
        email = f"{username}@example.com"
        bank.set_up("/api/auth/register", username=username, password=PASSWORD, email=email)
        token = bank.log_in(username, PASSWORD)
        account_ids = []
        for _ in range(accounts):
            account_id = bank.set_up("/api/accounts/create", token, account_type="checking")["account"]["id"]
            opened = {"account_id": account_id, "amount": opening, "description": "opening"}
            bank.set_up("/api/transactions/deposit", token, **opened)
            account_ids.append(account_id)
        return cls(token, tuple(account_ids))


class Load:
    """Threads that deposit, withdraw and transfer continuously, and one that reads the total of all balances."""

    def __init__(self, bank: FaultyBank, *, clients: int = 8) -> None:
        print(f"\nBANK_FAULT_SEED={SEED} BANK_FAULT_ROUNDS={ROUNDS}: ", end="")  # shown to repeat the run
        self._bank = bank
        customers = [Payer.of(bank, f"customer-{number}", accounts=2, opening="100.00") for number in range(4)]
        accounts = {account: 10_000 for customer in customers for account in customer.account_ids}
        self.history = History(opening=accounts)
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._threads = [
            threading.Thread(target=self._pay, args=(customers[number % 4], random.Random(f"{SEED}-{number}"), number))
            for number in range(clients)
        ]
        self._threads.append(threading.Thread(target=self._count, args=(bank.log_in("admin", ADMIN_PASSWORD),)))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the load during the block."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in self._threads:
                thread.join(60)

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Record the block as a time in which the bank could not write.

        Enter it after the bank has lost the ability to write, and leave it before it is restored.
        """
        began_at = time.monotonic()
        yield
        self.history.silences.append(Silence(began_at, time.monotonic()))

    def require_valid(self) -> None:
        """Read the final state of the bank and check the history."""
        self._bank.read_end(self.history)
        verdict, broken = judge(self.history)
        counts = ", ".join(f"{self.count(answer)} {answer}" for answer in get_args(Outcome))
        print(f"{verdict}: {counts}, {len(self.history.reads)} reads of the whole bank")
        assert verdict == "VALID", "\n".join([f"seed {SEED}", *broken[:20]])
        assert self.count("acknowledged") > 0

    def count(self, answer: Outcome) -> int:
        """Return how many operations have this outcome so far."""
        with self._guard:
            return sum(operation.answer == answer for operation in self.history.operations)

    def wait_for_more(self) -> None:
        """Wait until twenty more operations have been acknowledged."""
        enough = self.count("acknowledged") + 20
        eventually(lambda: self.count("acknowledged") >= enough, within_seconds=30, what="work goes on")

    def _pay(self, customer: Payer, rng: random.Random, number: int) -> None:
        session = requests.Session()
        everybody = sorted(self.history.opening)
        count = 0
        while not self._stopping.is_set():
            count += 1
            kind = rng.choices(["transfer", "deposit", "withdraw"], [6, 1, 1])[0]
            own = rng.choice(customer.account_ids)
            other = rng.choice([account for account in everybody if account != own])
            source = None if kind == "deposit" else own
            target = {"deposit": own, "withdraw": None, "transfer": other}[kind]
            asked = Operation(f"{number}-{count}", rng.choice([1, 100, 4_000, 9_000]), source, target)
            operation = self._ask(session, customer.token, kind, asked, twice=rng.random() < 0.2)
            with self._guard:
                self.history.operations.append(operation)

    def _ask(self, session: requests.Session, token: str, kind: str, asked: Operation, *, twice: bool) -> Operation:
        """Send an operation with its own key, and repeat it at most twice while its outcome is unknown.

        With `twice`, repeat it once also when its outcome is known.
        """
        body: dict[str, Any] = {"amount": f"{asked.amount_minor / 100:.2f}", "description": asked.marker}
        if kind == "transfer":
            body |= {"from_account_id": asked.source, "to_account_id": asked.target}
        else:
            body |= {"account_id": asked.source or asked.target}
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": asked.marker}
        path = f"/api/transactions/{kind}"
        began_at = time.monotonic()
        answer: Outcome = "unknown"
        returned_ids: set[str] = set()
        for _ in range(3):
            answer = self._once(session, path, headers, body, returned_ids)
            if answer != "unknown":
                break
            self._stopping.wait(0.2)
        ended_at = time.monotonic()
        seen = answer != "acknowledged" or self._can_be_read(session, headers, returned_ids)
        again: Outcome = self._once(session, path, headers, body, returned_ids) if twice else "unknown"
        return replace(
            asked,
            answer=answer,
            began_at=began_at,
            ended_at=ended_at,
            returned_ids=frozenset(returned_ids),
            repeated_answer=again,
            readable_at_once=seen,
        )

    def _once(
        self,
        session: requests.Session,
        path: str,
        headers: dict[str, str],
        body: dict[str, Any],
        returned_ids: set[str],
    ) -> Outcome:
        """Send a request once. Adds the id of an acknowledged transaction to `returned_ids`."""
        try:
            answer = session.post(self._bank.gateway + path, json=body, headers=headers, timeout=ANSWER_SECONDS)
        except requests.RequestException:
            return "unknown"
        if answer.status_code == 201:
            returned_ids.add(answer.json()["transaction"]["id"])
            return "acknowledged"
        is_refused = 400 <= answer.status_code < 500 and answer.status_code not in (409, 429)
        return "refused" if is_refused else "unknown"

    def _can_be_read(self, session: requests.Session, headers: dict[str, str], returned_ids: set[str]) -> bool:
        """Return whether the transaction is read as completed. No response counts as success."""
        (transaction_id,) = returned_ids
        path = f"{self._bank.gateway}/api/transactions/details/{transaction_id}"
        try:
            answer = session.get(path, headers=headers, timeout=ANSWER_SECONDS)
        except requests.RequestException:
            return True
        if answer.status_code == 429 or answer.status_code >= 500:
            return True
        return answer.status_code == 200 and answer.json()["transaction"]["status"] == "completed"

    def _count(self, admin: str) -> None:
        while not self._stopping.wait(0.1):
            began_at = time.monotonic()
            try:
                accounts = self._bank.call("GET", "/api/accounts/all?limit=200", admin)["accounts"]
            except (requests.RequestException, AssertionError):
                continue
            total = sum(minor(account["balance"]) for account in accounts)
            self.history.reads.append(TotalRead(total, began_at, time.monotonic()))
