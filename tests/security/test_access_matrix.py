"""The access matrix: every route of the five processes, called by everybody who could call it.

The routes are those of the URL maps; what each may answer follows from its row in docs/API.md, so a new route without
a row fails here too.
"""

from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from auth_service.auth_logic import SCOPES
from tests.support import repository
from tests.support.asking import service
from tests.support.repository import Endpoint
from tests.support.suite import ADDRESSES, ADMIN_PASSWORD, PASSWORD, Person, Suite
from tests.support.visitor import Visitor

PEOPLE = ("customer", "other customer", "employee", "admin")
CALLERS = ("nobody", *PEOPLE, *SCOPES)
ALLOWED = {
    "public": frozenset(CALLERS),
    "private": frozenset(PEOPLE),
    "staff": frozenset({"employee", "admin"}),
    "admin": frozenset({"admin"}),
}
NO_TOKEN, NOT_ALLOWED, ENDED = (401, "AUTHENTICATION_REQUIRED"), (403, "FORBIDDEN"), (401, "INVALID_TOKEN")


def may_call(endpoint: Endpoint, caller: str) -> bool:
    """Return whether the documents let the caller pass the door of an endpoint."""
    access, _, scope = endpoint.access.partition(":")  # employees have every permission of "staff:…" by default
    return scope in SCOPES.get(caller, ()) if access == "service" else caller in ALLOWED[access]


def path_of(endpoint: Endpoint) -> str:
    """Return the path of an endpoint with ids that nothing has."""
    parts = (str(uuid4()) if part.startswith("<") else part for part in endpoint.path.split("/"))
    return "/".join(parts)


def documented(bank: Suite, name: str) -> list[Endpoint]:
    """Return the routes of a process with the access that docs/API.md names. Fails for a route without a row."""
    heading = "api-gateway" if name == "gateway" else f"{name}-service"
    rows = repository.documented(heading) | repository.documented("Every service")
    routes = repository.endpoints(bank.apps[name])
    known = {(row.path, row.method): row for row in rows}
    assert [f"{route.method} {route.path}" for route in routes if (route.path, route.method) not in known] == []
    return sorted(known[route.path, route.method] for route in routes)


class Callers:
    """The callers of the matrix. Those whose session a request has ended are logged in again."""

    def __init__(self, bank: Suite) -> None:
        self._bank = bank
        self._names = {name: bank.person().username for name in PEOPLE[:2]}
        self._names |= {"employee": bank.employee().username, "admin": "admin"}
        self._known: dict[str, Person] = {}

    def login(self, name: str) -> tuple[str, str]:
        """Return the username and the password of one of the people."""
        return self._names[name], ADMIN_PASSWORD if name == "admin" else PASSWORD

    def person(self, name: str, *, fresh: bool = False) -> Person | None:
        """Return one caller with a token, or None for nobody."""
        if name == "nobody":
            return None
        if fresh or name not in self._known:
            is_person = name in self._names
            self._known[name] = self._bank.log_in(*self.login(name)) if is_person else service(self._bank, name)
        return self._known[name]


@pytest.fixture(scope="module")
def callers(bank: Suite) -> Callers:
    return Callers(bank)


def answer_of(bank: Suite, name: str, endpoint: Endpoint, person: Person | None) -> tuple[int, str]:
    """Send a request without a body and return the status and the error code."""
    response = bank.call(name, endpoint.method, path_of(endpoint), person)
    body: dict[str, Any] = response.get_json(silent=True) or {}
    return response.status_code, body.get("error_code", "")


@pytest.mark.parametrize("name", ADDRESSES)
def test_each_endpoint_of_a_service_takes_its_callers_and_no_others(bank: Suite, callers: Callers, name: str) -> None:
    wrong = []
    for endpoint in documented(bank, name):
        for caller in CALLERS:
            answer = answer_of(bank, name, endpoint, callers.person(caller))
            if answer == ENDED and caller in PEOPLE:
                answer = answer_of(bank, name, endpoint, callers.person(caller, fresh=True))
            refused = answer in (NO_TOKEN, NOT_ALLOWED)
            expected = None if may_call(endpoint, caller) else NO_TOKEN if caller == "nobody" else NOT_ALLOWED
            if refused != (expected is not None) or (expected and answer != expected) or answer[0] >= 500:
                wrong.append(f"{endpoint.method} {endpoint.path} ({endpoint.access}) by {caller}: {answer}")
    assert wrong == []


def test_each_page_takes_its_visitors_and_no_others(
    bank: Suite, callers: Callers, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = bank.apps["gateway"]
    monkeypatch.setitem(app.config, "WTF_CSRF_CHECK_DEFAULT", False)  # form tokens have tests of their own
    clients: dict[str, FlaskClient] = {"nobody": app.test_client()}

    def client(name: str) -> FlaskClient:
        if name not in clients:
            visitor = Visitor(app)
            assert visitor.log_in(*callers.login(name)).status_code == 303
            clients[name] = visitor.client
        return clients[name]

    wrong = []
    for endpoint in documented(bank, "gateway"):
        for caller in ("nobody", *PEOPLE):
            response = client(caller).open(path_of(endpoint), method=endpoint.method)
            if caller in PEOPLE and _wants_login(response.headers.get("Location", "")):
                clients.pop(caller)  # the request before has ended this session
                response = client(caller).open(path_of(endpoint), method=endpoint.method)
            is_at_login = _wants_login(response.headers.get("Location", ""))
            passes = not is_at_login and response.status_code not in (401, 403)
            if endpoint.path in ("/logout", "/settings/sessions/end-all"):
                clients.pop(caller, None)
                clients.setdefault("nobody", app.test_client())
            elif passes != may_call(endpoint, caller) or response.status_code >= 500:
                wrong.append(f"{endpoint.method} {endpoint.path} ({endpoint.access}) by {caller}: {response.status}")
    assert wrong == []


def _wants_login(location: str) -> bool:
    return location.startswith("/login")


@pytest.mark.parametrize(
    "path",
    [
        "/internal/users/6f1c2b1e-8a53-4a0e-9d57-0c1d2e3f4a5b",
        "/api/../internal/statistics",
        "/api/auth/../../internal/statistics",
        "/api/auth/%2e%2e/internal/statistics",
        "/api/internal/statistics",
        "/api/auth//internal/statistics",
    ],
)
def test_no_address_of_the_gateway_leads_to_an_internal_endpoint(bank: Suite, path: str) -> None:
    answer = bank.call("gateway", "GET", path, service(bank, "reporting-service"))
    assert answer.status_code in (400, 404), answer.text
