"""Common parts of the benchmarks: a running bank with customers, load on it, and a check of its balances."""

import math
import os
import re
import resource
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests

from benchmarks.wrk import Run, run_wrk
from tests.faults.bank import FaultyBank, minor
from tests.support.repository import ROOT

CUSTOMERS, ACCOUNTS_EACH, OPENING = 20, 10, "10000.00"
SPREAD, TO_ONE, FROM_ONE = "spread", "to one account", "from one account"
PROCESSES = {"gateway": "api-gateway", "transaction": "transaction-service", "account": "account-service"}
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Customer:
    """A customer with money in several accounts."""

    token: str
    account_ids: list[str]


class LoadedBank:
    """A running bank with customers, for a load test."""

    def __init__(self, suite: FaultyBank, folder: Path) -> None:
        self.suite = suite
        self._customers = [_new_customer(suite.gateway, f"customer-{number}") for number in range(CUSTOMERS)]
        self._routes = {}
        for number, (name, lines) in enumerate(_routes(self._customers).items()):
            self._routes[name] = folder / f"routes-{number}"
            self._routes[name].write_text("".join(lines))
        self._process_ids = {name: suite.process_id(service) for name, service in PROCESSES.items()}
        self._money = self._count_money()

    def run(
        self, connections: int, seconds: int, *, routes: str = SPREAD, reads_percent: int = 0, per_second: float = 0
    ) -> Run:
        """Run wrk along the routes of that name, with the processor time of the bank's processes and of wrk itself."""
        path = self._routes[routes]
        before = self._processor_seconds()
        run = run_wrk(
            self.suite.gateway, path, connections, seconds, reads_percent=reads_percent, per_second=per_second
        )
        after = self._processor_seconds()
        spent = {name: 1e6 * (after[name] - before[name]) / max(run.succeeded, 1) for name in after}
        return replace(run, processor_us=spent)

    def is_money_conserved(self) -> bool:
        """Sum up the customers' balances again, and print both sums."""
        money = self._count_money()
        print(f"money before {self._money}, after {money}: {'conserved' if money == self._money else 'NOT CONSERVED'}")
        return money == self._money

    def _processor_seconds(self) -> dict[str, float]:
        """Return the processor time of the bank's processes so far, and of all wrk processes that have ended."""
        spent = {name: _processor_seconds(process_id) for name, process_id in self._process_ids.items()}
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return spent | {"wrk": children.ru_utime + children.ru_stime}

    def _count_money(self) -> int:
        """Wait until no transaction is pending, and return the sum of all customers' balances in cents."""
        time.sleep(2)
        money = 0
        for customer in self._customers:
            headers = {"Authorization": f"Bearer {customer.token}"}
            accounts = call("GET", f"{self.suite.gateway}/api/accounts/list", headers=headers)["accounts"]
            money += sum(minor(account["balance"]) for account in accounts)
        return money


@contextmanager
def running_bank(root: Path = ROOT) -> Iterator[LoadedBank]:
    """Run all five processes of the source tree `root` on free ports, with an empty data folder, and add customers.

    No session's rate is limited, since one customer must be able to make all payments.
    """
    with tempfile.TemporaryDirectory() as folder:
        suite = FaultyBank(Path(folder) / "data", BANK_SESSION_REQUESTS_PER_SECOND="1000000")
        try:
            suite.start(root)
            yield LoadedBank(suite, Path(folder))
            suite.stop()
        finally:
            suite.close()


def _routes(customers: list[Customer]) -> dict[str, list[str]]:
    """Return lines of "token from to" for each kind of load."""
    spread = []
    for customer, other in zip(customers, [*customers[1:], customers[0]], strict=True):
        pairs = zip(customer.account_ids, other.account_ids, strict=True)
        spread += [f"{customer.token} {source} {target}\n" for source, target in pairs]
    hot, others = customers[0], customers[1:]
    hot_id = hot.account_ids[0]
    return {
        SPREAD: spread,
        TO_ONE: [f"{other.token} {source} {hot_id}\n" for other in others for source in other.account_ids],
        FROM_ONE: [f"{hot.token} {hot_id} {target}\n" for other in others for target in other.account_ids],
    }


def memory_megabytes(process_id: int | None, what: str = "VmRSS") -> float:
    """Return the memory of a process by a name of proc(5), /proc/PID/status; 0 when it has ended."""
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(rf"^{what}:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _processor_seconds(process_id: int | None) -> float:
    """Return the user and system time of a process (proc(5), /proc/PID/stat); NaN when it has ended."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.nan
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def _new_customer(gateway: str, username: str) -> Customer:
    password = secrets.token_urlsafe(16)
    person = {"username": username, "password": password}
    call("POST", f"{gateway}/api/auth/register", json={**person, "email": f"{username}@example.com"})
    token = call("POST", f"{gateway}/api/auth/login", json=person)["token"]
    headers = {"Authorization": f"Bearer {token}"}
    account_ids = []
    for _ in range(ACCOUNTS_EACH):
        body = {"account_type": "checking"}
        account_id = call("POST", f"{gateway}/api/accounts/create", json=body, headers=headers)["account"]["id"]
        deposit = {"account_id": account_id, "amount": OPENING}
        call("POST", f"{gateway}/api/transactions/deposit", json=deposit, headers=headers)
        account_ids.append(account_id)
    return Customer(token, account_ids)


def call(method: str, url: str, **options: Any) -> Any:
    """Return the JSON of a call; when the limit for new customers from one address is reached, wait and try again."""
    for _ in range(60):
        answer = requests.request(method, url, timeout=10, **options)
        if answer.status_code != 429:
            break
        time.sleep(float(answer.headers["Retry-After"]))
    answer.raise_for_status()
    return answer.json()
