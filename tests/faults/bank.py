"""A bank of five real processes on free ports for fault tests, with methods to inject faults."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import requests
from sqlalchemy import text

from shared.db.engines import is_sqlite, reading_connection
from tests.faults.history import Booked, History
from tests.faults.wire import Wire
from tests.support.processes import RunningProcess, eventually, free_ports, with_retries
from tests.support.repository import ROOT

ADMIN_PASSWORD = "an admin's long passphrase"
PASSWORD = "correct horse battery staple"
NAMES = ("auth-service", "account-service", "transaction-service", "reporting-service", "api-gateway")
ANSWER_SECONDS = 15
SETTLED_SECONDS = 10

BALANCES = "SELECT id, balance_minor FROM account"
SUMS = """
    SELECT account_id, sum(amount_minor) FROM (
        SELECT from_account_id AS account_id, -amount_minor AS amount_minor FROM posting WHERE outcome = 'posted'
        UNION ALL SELECT to_account_id, amount_minor FROM posting WHERE outcome = 'posted'
    ) AS entry GROUP BY account_id
"""
PROJECTED = """
    SELECT id, amount_minor, from_account_id, to_account_id, status = 'completed' FROM "transaction"
"""
DECIDED = """
    SELECT transaction_id, amount_minor, from_account_id, to_account_id, outcome = 'posted' FROM posting
"""
COUNTED = "SELECT coalesce(sum(count), 0), coalesce(sum(total_minor), 0) FROM bank_volume"
POSTED = "SELECT count(*), coalesce(sum(amount_minor), 0) FROM posting WHERE outcome = 'posted'"


class FaultyBank:
    """The bank under test, whose data directory is kept across restarts. `variables` extend its environment."""

    def __init__(self, data_dir: Path, **variables: str) -> None:
        ports = dict(zip(NAMES, free_ports(len(NAMES)), strict=True))
        self.gateway = f"http://127.0.0.1:{ports['api-gateway']}"
        self.ports = ports
        self.data_dir = data_dir
        self.environment = {
            **{_variable(name, "PORT"): str(port) for name, port in ports.items()},
            "BANK_DATA_DIR": str(data_dir),
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
            **variables,
        }
        self._suite: RunningProcess | None = None
        self._wires: list[Wire] = []

    def wire_to(self, name: str, path: str) -> Wire:
        """Put a proxy in front of a service from the next start on, for faults on POST requests to `path`."""
        (port,) = free_ports(1)
        wire = Wire(port, self.ports[name], path)
        self._wires.append(wire)
        self.environment[_variable(name, "URL")] = f"http://127.0.0.1:{port}"
        return wire

    def start(self, root: Path = ROOT) -> None:
        """Start all services from the source tree `root`, and wait until they are healthy."""
        self._suite = RunningProcess("run_services.py", environment=self.environment, cwd=root)
        self._suite.wait_for("Ctrl-C stops", within_seconds=60)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop all services with a signal to the supervisor."""
        if self._suite:
            self._suite.send(number)
            self._suite.wait(within_seconds=30)
            self._suite = None

    def close(self) -> None:
        """Stop all processes and proxies, also after a failed test."""
        self.stop(signal.SIGKILL)
        for wire in self._wires:
            wire.close()

    def kill_all(self) -> None:
        """Kill all processes with SIGKILL, as in a power cut."""
        for name in NAMES:
            self.send_signal(name, signal.SIGKILL)
        self.stop(signal.SIGKILL)

    def process_id(self, name: str) -> int | None:
        """Return the id of the process that listens on the port of a service, or None."""
        inode = _listening_inode(self.ports[name])
        return _process_of_socket(inode) if inode else None

    def another_transaction_service(self, data_dir: Path) -> "tuple[str, RunningProcess]":
        """Start a second transaction service with its own database on the same ledger; return its URL and process."""
        (port,) = free_ports(1)
        variables = {
            "TRANSACTION_SERVICE_PORT": str(port),
            "TRANSACTION_DATABASE_URL": f"sqlite:///{data_dir}/other.db",
        }
        addresses = {_variable(name, "URL"): f"http://127.0.0.1:{its_port}" for name, its_port in self.ports.items()}
        environment = addresses | self.environment | variables
        return f"http://127.0.0.1:{port}", RunningProcess(
            "-m", "transaction_service.transaction_service", environment=environment
        )

    def send_signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a service if it is running."""
        _signal(self.process_id(name), number)

    def wait_until_healthy(self, within_seconds: float = 60.0) -> None:
        """Wait until all services are healthy."""
        eventually(self._is_healthy, within_seconds=within_seconds, what="the bank is healthy again")

    def _is_healthy(self) -> bool:
        try:
            return requests.get(f"{self.gateway}/health", timeout=3).status_code == 200
        except requests.RequestException:
            return False

    def call(self, method: str, path: str, token: str = "", **options: Any) -> dict[str, Any]:
        """Send a request that must succeed, and return the JSON of the response."""
        return _body(self._send(method, path, token, **options))

    def set_up(self, path: str, token: str = "", **body: str) -> dict[str, Any]:
        """Send a POST request that prepares a test, as `with_retries` does, and return its JSON."""
        return _body(with_retries(lambda: self._send("POST", path, token, json=body)))

    def _send(self, method: str, path: str, token: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.request(method, self.gateway + path, headers=headers, timeout=ANSWER_SECONDS, **options)

    def log_in(self, username: str, password: str) -> str:
        """Log in and return the token."""
        return str(self.set_up("/api/auth/login", username=username, password=password)["token"])

    def read_end(self, history: History) -> None:
        """Wait until nothing is pending, read the final state into `history`, and stop the bank."""
        self.wait_until_healthy()
        admin = self.log_in("admin", ADMIN_PASSWORD)
        eventually(lambda: self._has_settled(admin), within_seconds=SETTLED_SECONDS, what="nothing is pending")
        history.booked = [booked for booked in self._booked(admin) if booked.marker != "opening"]
        self.stop()
        history.balances, history.sums_of_entries = self._books()
        self._require_projection()

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
                yield Booked(row["id"], row["description"], minor(row["amount"]), source, target, row["status"])
            if page["pagination"]["next_cursor"] is None:
                return
            cursor = f"&cursor={page['pagination']['next_cursor']}"

    def _books(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return balances and sums of entries by account from the database of the account service."""
        balances = {str(UUID(str(account))): balance for account, balance in self._rows("account", BALANCES)}
        sums = {str(UUID(str(account))): int(total) for account, total in self._rows("account", SUMS) if account}
        return balances, {account: sums.get(account, 0) for account in balances}

    def _require_projection(self) -> None:
        """Check that the transaction database has exactly the postings of the ledger and that the sums agree."""
        assert set(self._rows("transaction", PROJECTED)) == set(self._rows("account", DECIDED))
        assert self._rows("transaction", COUNTED) == self._rows("account", POSTED)

    def _rows(self, name: str, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query in the database of a service."""
        url = self.environment.get(f"{name.upper()}_DATABASE_URL", f"sqlite:///{self.data_dir}/{name}.db")
        with reading_connection(url) as connection:
            if is_sqlite(url):
                assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
            return [tuple(row) for row in connection.execute(text(query))]


def _body(answer: requests.Response) -> dict[str, Any]:
    assert answer.ok, f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text}"
    body: dict[str, Any] = answer.json()
    return body


def minor(amount: str) -> int:
    """Convert an amount with two decimals to minor units."""
    return int(amount.replace(".", ""))


def _variable(name: str, what: str) -> str:
    return f"{name.upper().replace('-', '_')}_{what}"


def _signal(process_id: int | None, number: signal.Signals) -> None:
    if process_id:
        try:
            os.kill(process_id, number)
        except ProcessLookupError:
            return


def _listening_inode(port: int) -> str | None:
    """Return the inode of the socket that listens on a loopback port (proc(5), /proc/net/tcp; state 0A is LISTEN)."""
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
