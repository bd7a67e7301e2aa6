"""What comes from outside is read alike by every endpoint and page, on both databases."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from itertools import count, product
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from auth_service.auth_logic import SCOPES
from tests.support import postgres
from tests.support.asking import service
from tests.support.repository import endpoints
from tests.support.suite import ADDRESSES, MODULES, PASSWORD, Person, Suite

RANGES = {
    "account": ["/api/accounts/history/{account}"],
    "transaction": [
        "/api/transactions/list",
        "/api/transactions/account/{account}",
        "/api/transactions/all",
        "/api/transactions/summary",
    ],
}
ADDRESS_NUMBERS = count(int(IPv4Address("10.0.0.1")))
ANY_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PROBED = ("/api/health", "/api/live", "/metrics", "/openapi.json")
UNSTORABLE = {
    b'{"name": "\\u0000"}': "name",
    b'{"name": {"deep": ["\\ud800"]}}': "deep",
    b'{"name\\u0000": 1}': "name\ufffd",
}
REPORTS = ["/api/reports/account/{account}", "/api/reports/transactions", "/api/reports/system"]
NAMED: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/api/accounts/create"): {"account_type": "checking", "nickname": " "},
    ("PUT", "/api/accounts/update/{account}"): {"status": "frozen", "reason": " "},
    ("POST", "/api/transactions/reverse/{account}"): {"reason": " "},
    ("POST", "/api/reports/custom"): {"preset": "this_month", "name": " "},
    ("POST", "/api/auth/approvals/{account}/reject"): {"reason": " "},
    ("POST", "/api/auth/passkeys"): {"passkey_token": "x", "credential": {}, "name": "\u3000"},
}


@dataclass(frozen=True)
class World:
    """A bank with an admin, who has an account with a deposit, and a customer at a browser."""

    suite: Suite
    admin: Person
    ada: Person
    account: str

    def get(self, path: str, **query: str) -> TestResponse:
        """What the gateway answers the admin."""
        return self.suite.call("gateway", "GET", self.path(path), self.admin, query_string=query)

    def ask(self, door: str, method: str, path: str, caller: Person, **options: Any) -> TestResponse:
        """Send a request from an address of its own, so that no limit of the gateway counts it with others."""
        address = {"REMOTE_ADDR": str(IPv4Address(next(ADDRESS_NUMBERS)))}
        return self.suite.call(door, method, path, caller, environ_base=address, **options)

    def path(self, path: str) -> str:
        """A path with the ids of this world in it."""
        return path.replace("{account}", self.account)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as stack:
        names = [f"{name.upper()}_DATABASE_URL" for name in ADDRESSES] if request.param == "postgresql" else []
        urls = {name: stack.enter_context(postgres.database()) for name in names}
        suite = Suite(tmp_path_factory.mktemp("bank"), tuple(MODULES), **urls).start()
        stack.callback(suite.stop)
        ada = suite.person("ada")
        admin = suite.admin()
        body = {"account_type": "checking"}
        account = details(suite.call("account", "POST", "/api/accounts/create", admin, json=body), 201)["account"]["id"]
        deposit = {"account_id": account, "amount": "5"}
        details(suite.call("transaction", "POST", "/api/transactions/deposit", admin, json=deposit), 201)
        yield World(suite, admin, ada, account)


def details(answer: TestResponse, status: int) -> dict[str, Any]:
    """The body of an answer of that status."""
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


@pytest.mark.parametrize("path", [path for paths in RANGES.values() for path in paths])
def test_a_range_may_be_all_of_time(world: World, path: str) -> None:
    for until in ("9999-12-31", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59+14:00"):
        found = details(world.get(path, **{"from": "0001-01-01", "to": until}), 200)
        rows = found.get("history") or found.get("transactions") or [found["summary"]]
        assert rows[0].get("count", 1) >= 1
    for lone in ({"from": "9999-12-31"}, {"to": "0001-01-01"}, {"to": "0001-01-01T00:00:00Z"}):
        found = details(world.get(path, **lone), 200)
        rows = found.get("history") or found.get("transactions") or [found.get("summary", {"count": 0})]
        assert [row.get("count") for row in rows] == [0]


@pytest.mark.parametrize("name", ["from", "to"])
@pytest.mark.parametrize("text", ["20261128", "2026-W48-6", "2026-11-28 10:00:00Z", "2026-11-28T10:00:00", ""])
@pytest.mark.parametrize("path", [path for paths in RANGES.values() for path in paths])
def test_a_range_of_other_forms_is_refused_by_its_field(world: World, path: str, name: str, text: str) -> None:
    reasons = details(world.get(path, **{name: text}), 400)["details"]
    assert list(reasons) == [name]
    assert "YYYY-MM-DDTHH:MM:SS" in reasons[name]


@pytest.mark.parametrize("path", REPORTS)
def test_a_report_may_be_of_the_first_or_the_last_days(world: World, path: str) -> None:
    for query in (
        {"end_date": "9999-12-31"},
        {"start_date": "9999-12-31", "end_date": "9999-12-31"},
        {"end_date": "0001-01-01"},
        {"start_date": "0001-01-01", "end_date": "0001-01-31"},
    ):
        period = details(world.get(path, **query), 200)["report"]["report_data"]["period"]
        assert query.items() <= period.items()


@pytest.mark.parametrize("path", REPORTS)
@pytest.mark.parametrize("text", ["20261128", "2026-11-28T10:00:00Z", " 2026-11-28", "2026-02-30"])
def test_a_report_of_other_days_is_refused_by_its_field(world: World, path: str, text: str) -> None:
    for name in ("start_date", "end_date"):
        reasons = details(world.get(path, **{name: text}), 400)["details"]
        assert list(reasons) == [name]
        assert "YYYY-MM-DD" in reasons[name]


@pytest.mark.parametrize(
    ("page", "name"),
    [("/transactions", "from"), ("/transactions", "to"), ("/reports/transactions", "start_date")],
)
def test_filters_on_pages_take_days_in_one_form(world: World, page: str, name: str) -> None:
    for text in ("0001-01-01", "9999-12-31"):
        other = {"start_date": "end_date"}.get(name)
        query = {name: text, **({other: text} if other else {})}
        assert world.ada.visitor.get(page, query_string=query).status_code == 200
    for text in ("20261128", "2026-1-5", "2026-11-28T10:00:00Z", "\u0662\u0660\u0662\u0666-11-28", "2026-02-30"):
        answer = world.ada.visitor.get(page, query_string={name: text})
        assert answer.status_code == 400
        assert "Enter a day that exists, as in 2026-01-31." in answer.text


def every_endpoint(world: World) -> Iterator[tuple[str, str, str, Person]]:
    """The service, method and path of each endpoint of the services, and somebody who may call it."""
    scopes = {scope: name for name, granted in SCOPES.items() for scope in granted}
    for name in ADDRESSES:
        for endpoint in sorted(endpoints(world.suite.apps[name])):
            path = re.sub(r"<\w+>", str(uuid4()), endpoint.path.replace("<name>", "customers"))
            kind, _, scope = endpoint.access.partition(":")
            caller = service(world.suite, scopes[scope]) if kind == "service" else world.admin
            if path not in PROBED:
                yield name, endpoint.method, path, caller


def test_an_unknown_or_repeated_key_of_a_query_is_refused_by_every_endpoint(world: World) -> None:
    asked = list(every_endpoint(world))
    assert len(asked) > 50
    for name, method, path, caller in asked:
        doors = (name, "gateway") if path.startswith("/api/") else (name,)
        for door, (query, key) in product(doors, {"unread=1": "unread", "twice=1&twice=2": "twice"}.items()):
            answer = world.ask(door, method, f"{path}?{query}", caller)
            assert key in details(answer, 400)["details"], f"{door} {method} {path}"


def test_the_names_inside_the_program_are_no_keys(world: World) -> None:
    for key, value in {"since": "2026-01-01", "at_least": "1", "transaction_type": "deposit"}.items():
        assert list(details(world.get("/api/transactions/list", **{key: value}), 400)["details"]) == [key]
    reasons = details(world.get("/api/transactions/list", start_date="2026-01-01"), 400)["details"]
    assert reasons == {"start_date": "is not a known field"}
    reasons = details(world.get("/api/reports/transactions", **{"from": "2026-01-01"}), 400)["details"]
    assert reasons == {"from": "is not a known field"}


@pytest.mark.parametrize("path", ["/health", *PROBED])
def test_probes_may_add_a_key_against_caches(world: World, path: str) -> None:
    assert world.suite.call("gateway", "GET", f"{path}?ts=1&ts=2").status_code == 200


@pytest.mark.parametrize("page", ["/transactions", "/reports", "/reports/transactions", "/accounts", "/login", "/"])
def test_pages_ignore_unknown_and_repeated_parameters(world: World, page: str) -> None:
    answer = world.ada.visitor.get(f"{page}?utm_source=letter&utm_source=mail&fbclid=", follow_redirects=True)
    assert answer.status_code == 200


def test_text_that_can_not_be_stored_is_refused_by_every_endpoint(world: World) -> None:
    for name, method, path, caller in every_endpoint(world):
        doors = (name, "gateway") if path.startswith("/api/") else (name,)
        for door, (part, key) in product(doors, {"?q=%00": "q", "?q=%ff": "q", "%00": "path"}.items()):
            answer = world.ask(door, method, f"{path}{part}", caller)
            assert list(details(answer, 400)["details"]) == [key], f"{door} {method} {path}"


def test_text_that_can_not_be_stored_is_refused_in_every_body(world: World) -> None:
    with_body = {
        (method.upper(), re.sub(r"{\w+}", "{}", path))
        for name in ADDRESSES
        for path, operations in details(world.suite.call(name, "GET", "/openapi.json"), 200)["paths"].items()
        for method, operation in operations.items()
        if "requestBody" in operation
    }
    assert len(with_body) > 20
    for name, method, path, caller in every_endpoint(world):
        if (method, ANY_ID.sub("{}", path)) in with_body and path.startswith("/api/"):
            for door, (text, key) in product((name, "gateway"), UNSTORABLE.items()):
                answer = world.ask(door, method, path, caller, data=text, content_type="application/json")
                assert list(details(answer, 400)["details"]) == [key], f"{door} {method} {path}"


@pytest.mark.parametrize("door", [*ADDRESSES, "gateway"])
def test_an_address_with_a_doubled_slash_is_another_one(world: World, door: str) -> None:
    answer = world.suite.call(door, "GET", "/api//live")
    assert details(answer, 404)["error_code"] == "NOT_FOUND"


@pytest.mark.parametrize(("method", "path"), NAMED)
def test_a_name_or_a_reason_must_not_be_blank(world: World, method: str, path: str) -> None:
    body = NAMED[method, path]
    field = next(name for name in ("nickname", "reason", "name") if name in body)
    answer = world.suite.call("gateway", method, world.path(path), world.admin, json=body)
    assert details(answer, 400)["details"][field] == "must not be blank"


@pytest.mark.parametrize("path", ["/api/accounts/details/%00", "/api/auth/users/%00", "/api/transactions/details/a%00"])
def test_text_that_can_not_be_stored_is_refused_in_the_place_of_an_id(world: World, path: str) -> None:
    assert list(details(world.get(path), 400)["details"]) == ["path"]


@pytest.mark.parametrize(
    "address",
    ["/transactions?q=%00", "/accounts/%00", "/static/%00", "/static/bootstrap/a%00b", "/login?next=/%00", "/?a=%ff"],
)
def test_an_address_that_can_not_be_stored_is_told_on_a_page(world: World, address: str) -> None:
    answer = world.ada.visitor.get(address)
    assert answer.status_code == 400
    assert "must be UTF-8 text without NUL characters" in answer.text


@pytest.mark.parametrize("name", ["username", "password", "unread"])
def test_a_form_that_can_not_be_stored_is_told_on_a_page(world: World, name: str) -> None:
    fields = {"username": "ada", "password": PASSWORD, name: "a\0b"}
    answer = world.suite.visitor().submit("/login", **fields)
    assert answer.status_code == 400
    assert f"{name} must be UTF-8 text without NUL characters" in answer.text


def test_a_service_does_not_get_a_token_for_text_that_can_not_be_stored(world: World) -> None:
    form = {"grant_type": "client_credentials", "client_id": "a\0b", "client_secret": "s"}
    ask = partial(world.suite.call, "gateway", "POST", "/api/auth/token")
    assert list(details(ask(data=form), 400)["details"]) == ["client_id"]
    assert list(details(ask(json=form), 400)["details"]) == ["client_id"]
    by_basic = ask(data={"grant_type": "client_credentials"}, auth=("reporting-service", "a%00b"))
    assert list(details(by_basic, 400)["details"]) == ["client_secret"]


SEARCHES = {
    "École de Paris": ["école", "ÉCOLE DE", "e\u0301cole", "E\u0301COLE"],
    "STRASSE 12": ["straße", "Strasse \uff11\uff12"],
    "\u039f\u0394\u039f\u03a3 \ufb01ne": ["\u03bf\u03b4\u03bf\u03c2", "FINE", "\ufb01NE"],
    "\u0130stanbul": ["i\u0307STANBUL", "\u0130"],
    "50% off_C:\\temp": ["%", "_C", "\\T", "50% OFF"],
    "Lunch": ["LUNCH", "\uff2cunch"],
}


@pytest.fixture(scope="module")
def described(world: World) -> World:
    """A world with transactions of these descriptions, and one without any."""
    for description in (*SEARCHES, None):
        body = {"account_id": world.account, "amount": "1", "description": description}
        details(world.suite.call("gateway", "POST", "/api/transactions/deposit", world.admin, json=body), 201)
    return world


@pytest.mark.parametrize("path", [path for path in RANGES["transaction"] if "summary" not in path])
def test_a_description_is_found_whatever_its_case_and_form(described: World, path: str) -> None:
    for description, queries in SEARCHES.items():
        for q in queries:
            found = details(described.get(path, q=q), 200)["transactions"]
            assert [row["description"] for row in found] == [description], q
    for q in ("ecole", "no such", "%%", "__"):
        assert details(described.get(path, q=q), 200)["transactions"] == []


def test_searches_on_pages_fold_case_like_the_api(described: World) -> None:
    visitor = described.suite.admin().visitor
    for page in ("/transactions", "/admin/transactions"):
        answer = visitor.get(page, query_string={"q": "ÉCOLE"})
        assert "École de Paris" in answer.text
        assert "STRASSE 12" not in answer.text


def test_a_name_is_found_whatever_its_case_and_form_and_no_longer_when_it_has_changed(world: World) -> None:
    person = world.suite.person("zoe")

    def change(full_name: str | None) -> None:
        answer = world.suite.call("auth", "PUT", "/api/auth/users/profile", person, json={"full_name": full_name})
        details(answer, 200)

    def found(q: str) -> list[str]:
        return [user["username"] for user in details(world.get("/api/auth/users", q=q), 200)["users"]]

    change("Zoë Straße")
    for q in ("ZOË", "zoe\u0308", "STRASSE", "ZOE@EXAMPLE.com", "\uff3aoe"):
        assert found(q) == ["zoe"], q
    change("Zoe Plain")
    assert [found(q) for q in ("ZOË", "zoe p")] == [[], ["zoe"]]
    change("Zoë")
    assert [found(q) for q in ("ZOË", "plain")] == [["zoe"], []]
    change(None)
    assert found("ZOË") == []
