"""What the benchmarks have in common: a running bank with customers, wrk on its gateway, and the money counted."""

import json
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.faults.bank import FaultyBank, minor

CUSTOMERS, ACCOUNTS_EACH, OPENING = 20, 10, "10000.00"
SCRIPT = Path(__file__).with_name("transfers.lua")


@dataclass(frozen=True)
class Measured:
    """One run: answers of success a second, milliseconds, and how many requests were not answered with success.

    `failed_at`: when, by the monotonic clock, as far as there was an answer; known of paced runs only.
    """

    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    failed_at: tuple[float, ...] = ()


@dataclass(frozen=True)
class Customer:
    """Somebody with money in several accounts."""

    token: str
    account_ids: list[str]


@contextmanager
def running_bank() -> Iterator[FaultyBank]:
    """The whole suite on free ports and an empty data folder."""
    with tempfile.TemporaryDirectory() as data_dir:
        bank = FaultyBank(Path(data_dir))
        try:
            bank.start()
            yield bank
            bank.stop()
        finally:
            bank.close()


def new_customers(gateway: str) -> list[Customer]:
    """Twenty new customers with ten accounts each, and money in all of them."""
    return [_customer(gateway, f"customer-{number}") for number in range(CUSTOMERS)]


def write_routes(path: Path, customers: list[Customer]) -> None:
    """Lines of "token from to": each account pays into another customer's."""
    lines = []
    for place, customer in enumerate(customers):
        other = customers[(place + 1) % len(customers)]
        pairs = zip(customer.account_ids, other.account_ids, strict=True)
        lines += [f"{customer.token} {source} {target}\n" for source, target in pairs]
    path.write_text("".join(lines))


def total(gateway: str, customers: list[Customer]) -> int:
    """All the customers' money, in cents, when nothing is pending any more."""
    time.sleep(2)
    money = 0
    for customer in customers:
        headers = {"Authorization": f"Bearer {customer.token}"}
        accounts = _call("GET", f"{gateway}/api/accounts/list", headers=headers)["accounts"]
        money += sum(minor(account["balance"]) for account in accounts)
    return money


def run_wrk(
    gateway: str, routes: Path, connections: int, seconds: int, *, per_second: float = 0, reads_percent: int = 0
) -> Measured:
    """Transfers along the routes, `reads_percent` of the requests being reads instead.

    As fast as they are answered, or at `per_second` in all, however long an answer takes, while connections are free.
    """
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT), gateway]
    command += ["--", str(routes), secrets.token_hex(8), str(per_second), str(reads_percent)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    result = json.loads(output.strip().splitlines()[-1])
    succeeded = result["requests"] - result["errors"]
    per_second, failed_at = succeeded / result["seconds"], tuple(result["failed_at"])
    return Measured(per_second, result["p50_ms"], result["p99_ms"], result["errors"], failed_at)


def _customer(gateway: str, username: str) -> Customer:
    password = secrets.token_urlsafe(16)
    person = {"username": username, "password": password}
    _call("POST", f"{gateway}/api/auth/register", json={**person, "email": f"{username}@example.com"})
    token = _call("POST", f"{gateway}/api/auth/login", json=person)["token"]
    headers = {"Authorization": f"Bearer {token}"}
    account_ids = []
    for _ in range(ACCOUNTS_EACH):
        body = {"account_type": "checking"}
        account_id = _call("POST", f"{gateway}/api/accounts/create", json=body, headers=headers)["account"]["id"]
        deposit = {"account_id": account_id, "amount": OPENING}
        _call("POST", f"{gateway}/api/transactions/deposit", json=deposit, headers=headers)
        account_ids.append(account_id)
    return Customer(token, account_ids)


def _call(method: str, url: str, **options: object) -> dict:  # type: ignore[type-arg]  # JSON of any shape
    """A call's JSON; a limit for new customers from one address is waited for."""
    for _ in range(60):
        answer = requests.request(method, url, timeout=10, **options)  # type: ignore[arg-type]  # passed on as given
        if answer.status_code != 429:
            break
        time.sleep(float(answer.headers["Retry-After"]))
    answer.raise_for_status()
    result: dict = answer.json()  # type: ignore[type-arg]  # as above
    return result
