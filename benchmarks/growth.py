"""Measure requests at a million transactions beside the same at a thousand.

    python -m benchmarks.growth [--transactions 1000000] [--rounds 10]

Two banks run side by side, all five processes of each: one of a thousand transactions, one of as many as asked for.
Both are half a year old, have a thousand customers, and were written by `benchmarks.filling`; the customer who asks has
one in five of the transactions in either, on every day. Each request is measured in turns, a block on the one bank and
a block on the other, on one kept connection, by its median. Fails when one of those that must not grow costs more than
1.5 times as much, or is not answered with success. Only loopback is ever called.
"""

import argparse
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from benchmarks.bank import call
from benchmarks.filling import DAYS, PASSWORD, REGULAR
from benchmarks.output import print_table
from shared.core.clock import now
from tests.support.processes import running_bank
from tests.support.repository import ROOT

FEW, AT_MOST = 1000, 1.5
BLOCK, WARM_UP = 15, 10
LIST = "/api/transactions/list"
DAY = f"{now() - timedelta(days=DAYS // 2):%Y-%m-%d}"


@dataclass(frozen=True)
class Request:
    """A measured request and its user. Placeholders in the path, like `{account}`, stand for ids of the bank."""

    name: str
    path: str
    asker: str = REGULAR
    may_grow: bool = False


REQUESTS = (
    Request("transfer", "/api/transactions/transfer"),
    Request("transactions", LIST),
    Request("transactions, a later page", f"{LIST}?cursor={{list}}"),
    Request("transactions, filtered", f"{LIST}?type=transfer&status=completed&from={DAY}&min=5"),
    Request("transactions, the reversals", f"{LIST}?type=reversal"),
    Request("transactions of an account", "/api/transactions/account/{account}"),
    Request("recent transactions", "/api/transactions/recent"),
    Request("transaction details", "/api/transactions/details/{transaction}"),
    Request("all transactions", "/api/transactions/all", "admin"),
    Request("all transactions, a later page", "/api/transactions/all?cursor={all}", "admin"),
    Request("all transactions, filtered", f"/api/transactions/all?type=deposit&to={DAY}", "admin"),
    Request("all transactions, the pending", "/api/transactions/all?status=pending", "admin"),
    Request("all transactions of an account", "/api/transactions/all?account_id={account}", "admin"),
    Request("accounts", "/api/accounts/list"),
    Request("account details", "/api/accounts/details/{account}"),
    Request("account history", "/api/accounts/history/{account}"),
    Request("account history, some days", f"/api/accounts/history/{{account}}?from={DAY}"),
    Request("all accounts", "/api/accounts/all", "admin"),
    Request("summary", "/api/transactions/summary"),
    Request("summary of an account", "/api/transactions/summary?account_id={account}"),
    Request("dashboard", "/dashboard"),
    Request("page of transactions", "/transactions"),
    Request("page of a transaction", "/transactions/{transaction}"),
    Request("transaction report", "/api/reports/transactions", may_grow=True),
    Request("system report", "/api/reports/system", "admin", may_grow=True),
    Request("account report", "/api/reports/account/{account}", may_grow=True),
)


@dataclass
class Client:
    """A logged-in user, with a bearer token and a browser session, on one kept connection."""

    gateway: str
    username: str
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        login = {"username": self.username, "password": PASSWORD}
        token = call("POST", f"{self.gateway}/api/auth/login", json=login)["token"]
        self.connect()
        self.headers = {"Authorization": f"Bearer {token}", "Cookie": f"session={self._log_in(login)}"}

    def connect(self) -> None:
        """Use a new connection from now on, since an idle one may have been closed."""
        self._connection = http.client.HTTPConnection(self.gateway.removeprefix("http://"), timeout=30)

    def _log_in(self, login: dict[str, str]) -> str:
        """Submit the login form and return the session cookie."""
        url = f"{self.gateway}/login"
        with requests.Session() as browser:
            found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(url, timeout=10).text)
            assert found
            browser.post(
                url, {**login, "csrf_token": found[1]}, headers={"Referer": url}, timeout=10, allow_redirects=False
            )
            return str(browser.cookies["session"])

    def ask(self, path: str, body: dict[str, str] | None = None) -> tuple[float, bytes]:
        """Return the milliseconds of a request, and the body of its response. Raises RuntimeError for a failure."""
        headers = dict(self.headers)
        if body:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        text = json.dumps(body) if body else None
        started = time.perf_counter()
        self._connection.request("POST" if body else "GET", path, text, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        spent = time.perf_counter() - started
        if answer.status not in (200, 201):
            raise RuntimeError(f"{path}: {answer.status} {content[:200]!r}")
        return spent * 1000, content

    def get(self, path: str) -> Any:
        """Return the JSON at a path."""
        return json.loads(self.ask(path)[1])


class Bank:
    """One of the banks, with its measuring users."""

    def __init__(self, gateway: str, transactions: int) -> None:
        self.transactions = transactions
        self._clients = {name: Client(gateway, name) for name in (REGULAR, "admin")}
        regular, admin = self._clients.values()
        accounts = regular.get("/api/accounts/list")["accounts"]
        page = regular.get(f"{LIST}?to={DAY}&limit=1")
        everybody = admin.get(f"/api/transactions/all?to={DAY}&limit=1")
        other = admin.get("/api/accounts/all?limit=200")["accounts"][-1]
        self.names = {
            "account": accounts[0]["id"],
            "list": page["pagination"]["next_cursor"],
            "transaction": page["transactions"][0]["id"],
            "all": everybody["pagination"]["next_cursor"],
        }
        self._transfer = {"from_account_id": accounts[0]["id"], "to_account_id": other["id"], "amount": "0.01"}
        regular.ask("/api/transactions/deposit", {"account_id": accounts[0]["id"], "amount": "1000.00"})

    def measure(self, request: Request, times: int) -> list[float]:
        """Return the milliseconds of consecutive requests on one connection, after a warm-up request."""
        client, path = self._clients[request.asker], request.path.format(**self.names)
        body = self._transfer if request.name == "transfer" else None
        client.connect()
        client.ask(path, body)
        return [client.ask(path, body)[0] for _ in range(times)]

    def in_words(self) -> str:
        """Describe the size: all transactions, and those of the measuring customer."""
        count = self._clients[REGULAR].get("/api/transactions/summary")["summary"]["count"]
        return f"{self.transactions} transactions, of which {count} completed ones are the asking customer's"


def main() -> int:
    """Fill, measure and print the table. Return 1 when a request exceeds its limit."""
    options = _options()
    with ExitStack() as stack:
        sizes = (FEW, options.transactions)
        folders = [stack.enter_context(filled_folder(size)) for size in sizes]
        gateways = [stack.enter_context(running(folder)) for folder in folders]
        few, many = (Bank(gateway, size) for gateway, size in zip(gateways, sizes, strict=True))
        for bank in (few, many):
            print(f"a bank of {bank.in_words()}")
        medians = {request: _medians(request, (few, many), options.rounds) for request in REQUESTS}
    return _print_table(medians, options.transactions)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The cost of requests at many transactions, beside that at a few.")
    parser.add_argument("--transactions", type=int, default=1_000_000, help="how many the larger bank has")
    parser.add_argument("--rounds", type=int, default=10, help=f"turns of {BLOCK} of each request that each bank gets")
    return parser.parse_args()


@contextmanager
def filled_folder(transactions: int) -> Iterator[str]:
    """Yield the data folder of a bank with that many transactions."""
    with tempfile.TemporaryDirectory() as data_dir:
        filling = [sys.executable, "-m", "benchmarks.filling", data_dir, "--transactions", str(transactions)]
        subprocess.run(filling, check=True, cwd=ROOT, preexec_fn=lambda: os.nice(10))
        yield data_dir


def running(data_dir: str) -> AbstractContextManager[str]:
    """Run all five processes on free ports during the block; yield the gateway's address."""
    return running_bank(Path(data_dir), ADMIN_PASSWORD=PASSWORD, BANK_SESSION_REQUESTS_PER_SECOND="9999")


def _medians(request: Request, banks: tuple[Bank, Bank], rounds: int) -> list[float]:
    """Return the median of each bank, measured in turns."""
    spent: list[list[float]] = [[], []]
    for bank in banks:
        bank.measure(request, WARM_UP)
    for _ in range(rounds):
        for bank, times in zip(banks, spent, strict=True):
            times.extend(bank.measure(request, BLOCK))
    return [statistics.median(times) for times in spent]


def _print_table(medians: dict[Request, list[float]], transactions: int) -> int:
    rows = []
    for request, (few, many) in medians.items():
        note = "may grow" if request.may_grow else "TOO MUCH" if many / few > AT_MOST else ""
        rows.append((request.name, f"{few:.2f}", f"{many:.2f}", f"{many / few:.2f}", note))
    print_table(("p50 ms", str(FEW), str(transactions), "ratio", ""), rows)
    return int(any("TOO MUCH" in row for row in rows))


if __name__ == "__main__":
    sys.exit(main())
