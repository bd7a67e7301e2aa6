"""The real bank for fault tests: five processes on free ports, a load of customers, and hands to hurt it with."""

import os
import random
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import requests

from tests.faults.history import Answer, Booked, History, Operation, TotalRead
from tests.processes import RunningProcess, eventually, free_ports

ADMIN_PASSWORD = "an admin's long passphrase"
PASSWORD = "correct horse battery staple"
NAMES = ("auth-service", "account-service", "transaction-service", "reporting-service", "api-gateway")
ANSWER_SECONDS = 15
SETTLED_SECONDS = 30


@dataclass(frozen=True)
class Customer:
    """A customer and their accounts."""

    token: str
    account_ids: tuple[str, ...]


class FaultyBank:
    """The suite under test, on a data folder that outlives its processes."""

    def __init__(self, data_dir: Path, **variables: str) -> None:
        ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
        self.gateway = f"http://127.0.0.1:{ports['api-gateway']}"
        self._ports = ports
        self._data_dir = data_dir
        self._environment = {
            **{f"{name.upper().replace('-', '_')}_PORT": str(port) for name, port in ports.items()},
            "BANK_DATA_DIR": str(data_dir),
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
            **variables,
        }
        self._suite: RunningProcess | None = None

    def start(self) -> None:
        """Start all five; returns when they are healthy."""
        self._suite = RunningProcess("run_services.py", environment=self._environment)
        self._suite.wait_for("Ctrl-C stops", within_seconds=60)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End all five."""
        if self._suite:
            self._suite.send(number)
            self._suite.wait(within_seconds=30)
            self._suite = None

    def kill_all(self) -> None:
        """kill -9 of everything at once, as when the power goes."""
        for process_id in [self.process_id(name) for name in NAMES]:
            _signal(process_id, signal.SIGKILL)
        self.stop(signal.SIGKILL)

    def process_id(self, name: str) -> int | None:
        """The process that serves `name` now, found by the port that it listens on."""
        inode = _listening_inode(self._ports[name])
        return _process_of_socket(inode) if inode else None

    def hurt(self, name: str, number: signal.Signals) -> None:
        """Send a signal to one service, if it runs."""
        _signal(self.process_id(name), number)

    def wait_until_healthy(self, within_seconds: float = 60.0) -> None:
        """Wait for all five."""
        eventually(self._is_healthy, within_seconds=within_seconds, what="the bank is healthy again")

    def _is_healthy(self) -> bool:
        try:
            return requests.get(f"{self.gateway}/health", timeout=3).status_code == 200
        except requests.RequestException:
            return False

    def call(self, method: str, path: str, token: str = "", **options: Any) -> dict[str, Any]:
        """The JSON of a call that must succeed."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = requests.request(method, self.gateway + path, headers=headers, timeout=ANSWER_SECONDS, **options)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        body: dict[str, Any] = answer.json()
        return body

    def log_in(self, username: str, password: str) -> str:
        """A token."""
        token: str = self.call("POST", "/api/auth/login", json={"username": username, "password": password})["token"]
        return token

    def customer(self, username: str, accounts: int, opening: str) -> Customer:
        """A new customer with money in each account."""
        person = {"username": username, "password": PASSWORD, "email": f"{username}@example.com"}
        self.call("POST", "/api/auth/register", json=person)
        token = self.log_in(username, PASSWORD)
        account_ids = []
        for _ in range(accounts):
            account = self.call("POST", "/api/accounts/create", token, json={"account_type": "checking"})["account"]
            deposit = {"account_id": account["id"], "amount": opening, "description": "opening"}
            self.call("POST", "/api/transactions/deposit", token, json=deposit)
            account_ids.append(account["id"])
        return Customer(token, tuple(account_ids))

    def read_end(self, history: History) -> None:
        """Read what the bank says and holds once nothing is pending any more. Ends the bank."""
        admin = self.log_in("admin", ADMIN_PASSWORD)
        eventually(lambda: self._has_settled(admin), within_seconds=SETTLED_SECONDS, what="nothing is pending")
        history.booked = [booked for booked in self._booked(admin) if booked.marker != "opening"]
        self.stop()
        history.balances, history.sums_of_entries = self._books()

    def _has_settled(self, admin: str) -> bool:
        try:
            return not self.call("GET", "/api/transactions/all?status=pending", admin)["transactions"]
        except (requests.RequestException, AssertionError):
            return False

    def _booked(self, admin: str) -> Iterator[Booked]:
        cursor = ""
        while True:
            page = self.call("GET", f"/api/transactions/all?limit=200{cursor}", admin)
            for row in page["transactions"]:
                own = row["account_id"]
                source = own if row["transaction_type"] == "withdrawal" else row["from_account_id"]
                target = own if row["transaction_type"] == "deposit" else row["to_account_id"]
                yield Booked(row["id"], row["description"], _minor(row["amount"]), source, target, row["status"])
            if page["pagination"]["next_cursor"] is None:
                return
            cursor = f"&cursor={page['pagination']['next_cursor']}"

    def _books(self) -> tuple[dict[str, int], dict[str, int]]:
        """Balances and sums of entries as they stand in the account service's database file."""
        with closing(sqlite3.connect(self._data_dir / "account.db")) as books:
            assert books.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert books.execute("SELECT coalesce(sum(amount_minor), 0) FROM ledger_entry").fetchone() == (0,)
            balances = dict(books.execute("SELECT id, balance_minor FROM account"))
            sums = dict(books.execute("SELECT account_id, sum(amount_minor) FROM ledger_entry GROUP BY 1"))
        return (
            {str(UUID(account)): balance for account, balance in balances.items()},
            {str(UUID(account)): sums.get(account, 0) for account in balances},
        )


class Load:
    """Customers who pay, draw and move money all the time, and somebody who counts all of it."""

    def __init__(self, bank: FaultyBank, seed: int, *, clients: int = 8) -> None:
        self._bank = bank
        customers = [bank.customer(f"customer-{number}", accounts=2, opening="100.00") for number in range(4)]
        accounts = {account: 10_000 for customer in customers for account in customer.account_ids}
        self.history = History(opening=accounts)
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._threads = [
            threading.Thread(target=self._pay, args=(customers[number % 4], random.Random(f"{seed}-{number}"), number))
            for number in range(clients)
        ]
        self._threads.append(threading.Thread(target=self._count, args=(bank.log_in("admin", ADMIN_PASSWORD),)))

    @contextmanager
    def running(self) -> Iterator[None]:
        """The load, as long as the block lasts."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            for thread in self._threads:
                thread.join(60)

    def acknowledged(self) -> int:
        """How many operations were acknowledged so far."""
        with self._guard:
            return sum(operation.answer == "acknowledged" for operation in self.history.operations)

    def _pay(self, customer: Customer, chance: random.Random, number: int) -> None:
        session = requests.Session()
        everybody = sorted(self.history.opening)
        count = 0
        while not self._stopping.is_set():
            count += 1
            kind = chance.choices(["transfer", "deposit", "withdraw"], [6, 1, 1])[0]
            own = chance.choice(customer.account_ids)
            other = chance.choice([account for account in everybody if account != own])
            source = None if kind == "deposit" else own
            target = {"deposit": own, "withdraw": None, "transfer": other}[kind]
            amount = chance.choice([1, 100, 4_000, 9_000])
            self._ask(session, customer.token, kind, f"{number}-{count}", amount, source, target)

    def _ask(
        self,
        session: requests.Session,
        token: str,
        kind: str,
        marker: str,
        amount_minor: int,
        source: str | None,
        target: str | None,
    ) -> None:
        """One operation under a key of its own; while its outcome is unknown it is asked again, twice at most."""
        body: dict[str, Any] = {"amount": f"{amount_minor / 100:.2f}", "description": marker}
        body |= {"from_account_id": source, "to_account_id": target} if kind == "transfer" else {}
        body |= {} if kind == "transfer" else {"account_id": source or target}
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": marker}
        began_at = time.monotonic()
        answer: Answer = "unknown"
        transaction_id = None
        for _ in range(3):
            answer, transaction_id = self._once(session, f"/api/transactions/{kind}", headers, body)
            if answer != "unknown":
                break
            self._stopping.wait(0.2)
        ended_at = time.monotonic()
        seen = answer != "acknowledged" or self._can_be_read(session, headers, transaction_id)
        operation = Operation(
            marker, amount_minor, source, target, answer, began_at, ended_at, transaction_id, seen_at_once=seen
        )
        with self._guard:
            self.history.operations.append(operation)

    def _once(
        self, session: requests.Session, path: str, headers: dict[str, str], body: dict[str, Any]
    ) -> tuple[Answer, str | None]:
        try:
            answer = session.post(self._bank.gateway + path, json=body, headers=headers, timeout=ANSWER_SECONDS)
        except requests.RequestException:
            return "unknown", None
        if answer.status_code == 201:
            return "acknowledged", answer.json()["transaction"]["id"]
        if answer.status_code in (202, 409, 429) or answer.status_code >= 500:
            return "unknown", None
        return "refused", None

    def _can_be_read(self, session: requests.Session, headers: dict[str, str], transaction_id: str | None) -> bool:
        """Whether it is told as completed right after; a bank that does not answer proves nothing."""
        path = f"{self._bank.gateway}/api/transactions/details/{transaction_id}"
        try:
            answer = session.get(path, headers=headers, timeout=ANSWER_SECONDS)
        except requests.RequestException:
            return True
        if answer.status_code in (429, 500, 503):
            return True
        return answer.status_code == 200 and answer.json()["transaction"]["status"] == "completed"

    def _count(self, admin: str) -> None:
        while not self._stopping.wait(0.1):
            began_at = time.monotonic()
            try:
                accounts = self._bank.call("GET", "/api/accounts/all?limit=200", admin)["accounts"]
            except (requests.RequestException, AssertionError):
                continue
            total = sum(_minor(account["balance"]) for account in accounts)
            self.history.reads.append(TotalRead(total, began_at, time.monotonic()))


def _minor(amount: str) -> int:
    return int(amount.replace(".", ""))


def _signal(process_id: int | None, number: signal.Signals) -> None:
    if process_id:
        try:
            os.kill(process_id, number)
        except ProcessLookupError:
            return


def _listening_inode(port: int) -> str | None:
    """The inode of the socket that listens on a port of loopback (proc(5), /proc/net/tcp; state 0A is LISTEN)."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{port:04X}") and fields[3] == "0A":
            return fields[9]
    return None


def _process_of_socket(inode: str) -> int | None:
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if re.fullmatch(rf"socket:\[{inode}\]", str(link.readlink())):
                return int(link.parts[2])
        except OSError:
            continue
    return None
