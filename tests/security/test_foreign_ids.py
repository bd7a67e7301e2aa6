"""Another customer's resource answers exactly like one that does not exist, at every endpoint that takes an id."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from auth_service.auth_models import db
from auth_service.passkeys.passkey_storage import PasskeyStorage
from auth_service.second_factor.second_factor_models import Passkey
from shared.core.clock import now
from tests.support import repository
from tests.support.suite import ADDRESSES, PASSWORD, Person, Suite

PERIOD = "from=2026-01-01&to=2026-12-31&format=json"
QUERIES = {"/api/reports/statement/<account_id>": PERIOD}
"""Queries without which an endpoint would refuse the request before it looks for the resource."""
BODIES: dict[str, dict[str, str]] = {
    "/api/auth/cases/<case_id>/messages": {"text": "Hello?"},
    "/api/transactions/<transaction_id>/category": {"category": "other"},
}
"""The same for bodies."""


def routes(bank: Suite, *names: str) -> list[tuple[str, repository.Endpoint]]:
    """Return the routes of these processes that people call with an id in the path, except those of staff."""
    return sorted(
        (name, endpoint)
        for name in names
        for endpoint in repository.endpoints(bank.apps[name])
        if "<" in endpoint.path and endpoint.access == "private"
    )


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    return bank.person("ada")


@pytest.fixture(scope="module")
def bob(bank: Suite) -> Person:
    return bank.person("bob")


@pytest.fixture(scope="module")
def of_ada(bank: Suite, ada: Person) -> dict[str, str]:
    """Return the ids of Ada's resources by the name of the path parameter."""

    def ask(service: str, method: str, path: str, /, **body: Any) -> Any:
        answer = bank.call(service, method, path, ada, **({"json": body} if body else {}))
        assert answer.status_code < 300, answer.text
        return answer.get_json()

    account = ask("account", "POST", "/api/accounts/create", account_type="checking")["account"]["id"]
    deposit = ask("transaction", "POST", "/api/transactions/deposit", account_id=account, amount="10.00")
    report = ask("reporting", "GET", f"/api/reports/account/{account}")["report"]["id"]
    choice = ask("reporting", "POST", "/api/reports/custom", name="Rent", preset="this_month")["custom_report"]["id"]
    export = ask("reporting", "POST", "/api/reports/exports", year=now().year)["export"]["id"]
    (session,) = ask("auth", "GET", "/api/auth/sessions")["sessions"]
    letter = {"kind": "question", "subject": "A card", "text": "When does it come?"}
    return {
        "<case_id>": ask("auth", "POST", "/api/auth/cases", **letter)["case"]["id"],
        "<account_id>": account,
        "<export_id>": export,
        "<transaction_id>": deposit["transaction"]["id"],
        "<report_id>": report,
        "<custom_id>": choice,
        "<session_id>": session["id"],
        "<passkey_id>": add_passkey(bank, ada),
    }


def add_passkey(bank: Suite, person: Person) -> str:
    """Store a passkey without a device, and return its id."""
    passkey = Passkey(
        user_id=UUID(person.user_id), credential_id="credential", public_key="", sign_count=0, name="Phone"
    )
    with bank.apps["auth"].app_context():
        storage = PasskeyStorage(db)
        with storage.transaction():
            storage.insert(passkey)
        return str(passkey.id)


def filled(path: str, ids: dict[str, str]) -> str:
    """Put ids into a path. Fails for a parameter that has no resource here: add one to `of_ada`."""
    is_custom = "/reports/custom/" in path  # the id of a kept choice is also called a report's
    names = ["<custom_id>" if is_custom and part.startswith("<") else part for part in path.split("/")]
    return "/".join(ids[name] if name.startswith("<") else name for name in names)


def test_at_the_api_a_foreign_id_is_not_found(bank: Suite, bob: Person, of_ada: dict[str, str]) -> None:
    different = []
    for name, endpoint in routes(bank, *ADDRESSES):
        query, body = QUERIES.get(endpoint.path, ""), BODIES.get(endpoint.path)
        sent: dict[str, Any] = {"query_string": query, **({"json": body} if body else {})}
        unknown = dict.fromkeys(of_ada, str(uuid4()))
        foreign, nowhere = (
            bank.call(name, endpoint.method, filled(endpoint.path, ids), bob, **sent) for ids in (of_ada, unknown)
        )
        if (foreign.status_code, foreign.get_json()) != (404, nowhere.get_json()):
            different.append(f"{endpoint.method} {endpoint.path}: {foreign.status} {foreign.text}")
    assert different == []


def test_on_pages_a_foreign_id_is_not_found(
    bank: Suite, bob: Person, of_ada: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WTF_CSRF_CHECK_DEFAULT", "WTF_CSRF_ENABLED"):  # form tokens have tests of their own
        monkeypatch.setitem(bank.apps["gateway"].config, name, False)
    visitor, different = bank.visitor(), []
    visitor.log_in(bob.username, PASSWORD)
    for _, endpoint in routes(bank, "gateway"):
        answer = visitor.client.open(filled(endpoint.path, of_ada), method=endpoint.method)
        if answer.status_code != 404:
            different.append(f"{endpoint.method} {endpoint.path}: {answer.status}")
    assert different == []


def test_a_foreign_account_in_a_body_or_a_query_is_not_found(bank: Suite, bob: Person, of_ada: dict[str, str]) -> None:
    own = bob.open()["id"]
    foreign = of_ada["<account_id>"]
    for name, path, given in (
        ("transaction", "deposit", {"account_id": foreign}),
        ("transaction", "withdraw", {"account_id": foreign}),
        ("transaction", "transfer", {"from_account_id": foreign, "to_account_id": own}),
    ):
        answer = bank.call(name, "POST", f"/api/transactions/{path}", bob, json={**given, "amount": "1.00"})
        assert (answer.status_code, answer.get_json()["error_code"]) == (404, "NOT_FOUND"), path
    listed = bank.call("transaction", "GET", f"/api/transactions/list?account_id={foreign}", bob).get_json()
    assert {row["status"] for row in listed["transactions"]} == {"failed"}, "only Bob's own attempts"
    answer = bank.call("transaction", "GET", f"/api/transactions/summary?account_id={foreign}", bob)
    assert answer.status_code == 404
