"""The bank in one process: the five real Flask apps on real databases, connected without a network.

The databases are SQLite files, or PostgreSQL databases for tests that run on both. Calls between the services use
`requests` as in production; only the transport adapter is replaced.
"""

import base64
import importlib
import io
import secrets
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from flask.testing import FlaskClient
from requests.adapters import BaseAdapter
from werkzeug.test import TestResponse

from shared.web.application import Lifecycle
from shared.web.parts import part
from tests.support import postgres
from tests.support.processes import eventually, with_retries
from tests.support.visitor import PASSWORD as PASSWORD  # noqa: PLC0414 - tests import it from here
from tests.support.visitor import Visitor
from transaction_service.common_service import Tools

ADDRESSES = {
    "auth": "http://127.0.0.1:8001",
    "account": "http://127.0.0.1:8002",
    "transaction": "http://127.0.0.1:8003",
    "reporting": "http://127.0.0.1:8004",
}
MODULES = {
    "auth": ("auth_service.auth_service", "AuthSettings"),
    "account": ("account_service.account_service", "AccountSettings"),
    "transaction": ("transaction_service.transaction_service", "TransactionSettings"),
    "reporting": ("reporting_service.reporting_service", "ReportingSettings"),
    "gateway": ("api_gateway.api_gateway", "GatewaySettings"),
}
ADMIN_PASSWORD = "an admin's long passphrase"


class InProcess(BaseAdapter):
    """A requests adapter that calls a Flask app instead of a socket.

    `down` makes it refuse connections like a dead process. `hung` makes it block until the read timeout.
    """

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self._app = app
        self.down = False
        self.hung = False

    def send(
        self, request: requests.PreparedRequest, *_args: Any, timeout: Any = None, **_kwargs: Any
    ) -> requests.Response:
        """Send a prepared request to the app and return its response."""
        if self.down:
            raise requests.ConnectionError("the process is down")
        if self.hung:
            time.sleep(timeout[1])
            raise requests.ReadTimeout("the process is hung")
        url = urlsplit(str(request.url))
        answer = self._app.test_client(use_cookies=False).open(
            path=url.path,
            query_string=url.query,
            method=str(request.method),
            headers=list(request.headers.items()),
            data=request.body or b"",
        )
        return _as_requests_response(request, answer)

    def close(self) -> None:
        """Do nothing, since no connection is open."""


def _as_requests_response(request: requests.PreparedRequest, answer: TestResponse) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status_code
    response.headers.update(dict(answer.headers))
    response.raw = io.BytesIO(answer.data)
    response.url = str(request.url)
    response.request = request
    return response


@dataclass(frozen=True)
class Person:
    """A user with tokens: what they do by the API, and their browser."""

    bank: "Suite" = field(repr=False)
    user_id: str
    username: str
    token: str
    refresh_token: str = ""
    password: str = field(default=PASSWORD, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that authenticate a request."""
        return {"Authorization": f"Bearer {self.token}"}

    @cached_property
    def visitor(self) -> Visitor:
        """The person's browser, logged in by the form when it is first used."""
        visitor = self.bank.visitor()
        assert with_retries(lambda: visitor.log_in(self.username, self.password)).status_code == 303
        return visitor

    def with_token(self, token: str) -> "Person":
        """Return the same person with another token."""
        return replace(self, token=token, refresh_token="")

    def open(self, deposit: str | None = None, account_type: str = "checking", **fields: str) -> dict[str, Any]:
        """Open an account, optionally with a deposit, and return it with its unmasked number."""
        body = {"account_type": account_type, **fields}
        account: dict[str, Any] = self._set_up("account", "/api/accounts/create", body)["account"]
        if deposit:
            self._set_up("transaction", "/api/transactions/deposit", {"account_id": account["id"], "amount": deposit})
        return account

    def close(self, account_id: str) -> None:
        """Close an account."""
        self._ask("account", "DELETE", f"/api/accounts/close/{account_id}", 200)

    def balance(self, account_id: str) -> str:
        """Return the balance of an account."""
        return str(self._ask("account", "GET", f"/api/accounts/details/{account_id}", 200)["account"]["balance"])

    def pay(self, kind: str, status: int = 201, **body: str) -> dict[str, Any]:
        """Make a payment and return the response."""
        return self._ask("transaction", "POST", f"/api/transactions/{kind}", status, json=body)

    def transactions(self, path: str = "list") -> list[dict[str, Any]]:
        """Return a list of the person's transactions, newest first."""
        found: list[dict[str, Any]] = self._ask("transaction", "GET", f"/api/transactions/{path}", 200)["transactions"]
        return found

    def _set_up(self, service: str, path: str, body: dict[str, str]) -> dict[str, Any]:
        answer = with_retries(lambda: self.bank.call(service, "POST", path, self, json=body))
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.get_json()
        return made

    def _ask(self, service: str, method: str, path: str, status: int, **options: Any) -> dict[str, Any]:
        answer = self.bank.call(service, method, path, self, **options)
        assert answer.status_code == status, answer.text
        body: dict[str, Any] = answer.get_json()
        return body


@dataclass(frozen=True)
class BankOptions:
    """Options of the fixture `bank`: the services, the kind of database and additional variables."""

    services: tuple[str, ...] = tuple(MODULES)
    database: str = "sqlite"
    variables: dict[str, str] = field(default_factory=dict)
    is_started: bool = True


class Suite:
    """The apps of the named services, by default all, on SQLite files in `data_dir` or on PostgreSQL databases."""

    def __init__(
        self, data_dir: Path, names: tuple[str, ...] = tuple(MODULES), *, database: str = "sqlite", **variables: str
    ) -> None:
        self._databases = ExitStack()
        if database == "postgresql":
            for name in set(names) & set(ADDRESSES):
                variables[f"{name.upper()}_DATABASE_URL"] = self._databases.enter_context(postgres.database())
        self.variables = {
            "BANK_DATA_DIR": str(data_dir),
            "SESSION_SECRET": secrets.token_urlsafe(48),
            "AUTH_SIGNING_KEY": _make_signing_key(),
            "ADMIN_PASSWORD": ADMIN_PASSWORD,
            **{f"{name.upper()}_SERVICE_SECRET": secrets.token_urlsafe(48) for name in ADDRESSES},
            "API_GATEWAY_SECRET": secrets.token_urlsafe(48),
            **variables,
        }
        self.session = requests.Session()
        self.session.trust_env = False
        self.apps: dict[str, Flask] = {}
        self.adapters: dict[str, InProcess] = {}
        for name in names:
            self._make(name)

    def _make(self, name: str) -> None:
        module_name, settings_name = MODULES[name]
        module = importlib.import_module(module_name)
        settings = getattr(module, settings_name).load(**self.variables)
        app = module.create_app(settings, self.session)
        app.testing = False  # exceptions become error responses, as in production
        self.apps[name] = app
        if name in ADDRESSES:
            self.adapters[name] = InProcess(app)
            self.session.mount(ADDRESSES[name], self.adapters[name])

    def start(self) -> "Suite":
        """Start the background tasks of every service and wait until the projection has caught up."""
        for app in self.apps.values():
            part(Lifecycle, app).start()
        self._wait_for_projection()
        return self

    def stop(self) -> None:
        """Stop the background tasks and close the databases.

        No task may keep running, since the next suite in this process uses the same module-level databases.
        """
        for adapter in self.adapters.values():
            adapter.hung, adapter.down = False, False
        for app in reversed(self.apps.values()):
            part(Lifecycle, app).stop()
        self._databases.close()

    def restart(self, name: str) -> None:
        """Stop one service and start it again on the same data."""
        part(Lifecycle, self.apps[name]).stop()
        self._make(name)
        part(Lifecycle, self.apps[name]).start()
        self._wait_for_projection()

    def _wait_for_projection(self) -> None:
        """Wait until the transaction service has caught up with the ledger, if both services exist."""
        if {"auth", "account", "transaction"} <= self.apps.keys():
            projection = part(Tools, self.apps["transaction"]).posting.projection
            eventually(lambda: projection.works, within_seconds=10, what="the ledger is projected")

    def client(self, name: str) -> FlaskClient:
        """Return a test client of a service, which keeps cookies."""
        return self.apps[name].test_client()

    def call(self, name: str, method: str, path: str, person: Person | None = None, **kwargs: Any) -> TestResponse:
        """Send one request to a service, authenticated as `person` if given."""
        headers = {**(person.headers if person else {}), **kwargs.pop("headers", {})}
        client = self.apps[name].test_client(use_cookies=False)
        return client.open(path, method=method, headers=headers, **kwargs)

    def person(self, username: str | None = None) -> Person:
        """Register a customer and log in."""
        username = username or f"user-{secrets.token_hex(6)}"
        body = {"username": username, "email": f"{username}@example.com", "password": PASSWORD}
        answer = with_retries(lambda: self.call("auth", "POST", "/api/auth/register", json=body))
        assert answer.status_code == 201, answer.text
        return self.log_in(username)

    def employee(
        self, username: str | None = None, *, permissions: tuple[str, ...] = (), second: Person | None = None
    ) -> Person:
        """Register an employee, who has all permissions unless some are named, and log in."""
        return self.promote(self.person(username), permissions=permissions, second=second)

    def promote(
        self, person: Person, role: str = "employee", *, permissions: tuple[str, ...] = (), second: Person | None = None
    ) -> Person:
        """Give a customer another role, which `second` approves if named, and log in again."""
        self._change(f"/api/auth/users/{person.user_id}", second, role=role)
        if permissions:
            self.permit(person, *permissions, second=second)
        return self.log_in(person.username)

    def permit(self, person: Person, *permissions: str, second: Person | None = None) -> None:
        """Give an employee exactly these permissions, which `second` approves if named."""
        self._change(f"/api/auth/users/{person.user_id}/permissions", second, permissions=permissions)

    def disable(self, person: Person) -> None:
        """Disable somebody of the staff."""
        self._change(f"/api/auth/users/{person.user_id}", None, status="disabled")

    def _change(self, path: str, second: Person | None, **changes: object) -> None:
        admin = self.admin()
        answer = with_retries(lambda: self.call("auth", "PUT", path, admin, json=changes))
        if second:
            decide = f"/api/auth/approvals/{answer.get_json()['approval']['id']}/approve"
            answer = with_retries(lambda: self.call("auth", "POST", decide, second))
        assert answer.status_code == 200, answer.text

    def admin(self) -> Person:
        """Log in as the first admin."""
        return self.log_in("admin", ADMIN_PASSWORD)

    def log_in(self, username: str, password: str = PASSWORD) -> Person:
        """Log in as an existing user."""
        body = {"username": username, "password": password}
        answer = with_retries(lambda: self.call("auth", "POST", "/api/auth/login", json=body))
        assert answer.status_code == 200, answer.text
        made = answer.get_json()
        return Person(self, made["user_id"], made["username"], made["token"], made["refresh_token"], password)

    def visitor(self) -> Visitor:
        """Return a new browser in which nobody is logged in."""
        return Visitor(self.apps["gateway"])


def _make_signing_key() -> str:
    key = Ed25519PrivateKey.generate()
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return base64.b64encode(der).decode()
