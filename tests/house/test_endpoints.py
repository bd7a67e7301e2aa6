"""Every endpoint has an access level and a row in docs/API.md, and errors have one JSON form."""

import re

import pytest
from werkzeug.test import TestResponse

from tests.support import repository
from tests.support.suite import MODULES, BankOptions, Person, Suite

FAILURE_KEYS = {"success", "message", "error_code", "details"}
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
ID = "00000000-0000-4000-8000-000000000000"
BODY_TAKERS = {
    "auth": "/api/auth/login",
    "account": "/api/accounts/create",
    "transaction": "/api/transactions/deposit",
    "gateway": "/api/auth/login",
}


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(variables={"BANK_ADDRESS_REQUESTS_PER_SECOND": "100000"})


@pytest.fixture(scope="module")
def somebody(bank: Suite) -> Person:
    return bank.person()


@pytest.mark.parametrize("name", MODULES)
def test_every_route_has_an_access_level(bank: Suite, name: str) -> None:
    silent = sorted(
        endpoint.path for endpoint in repository.endpoints(bank.apps[name]) if endpoint.access == "nobody said"
    )
    assert silent == []


@pytest.mark.parametrize("name", MODULES)
def test_the_documents_name_each_endpoint_and_no_other(bank: Suite, name: str) -> None:
    heading = "api-gateway" if name == "gateway" else f"{name}-service"
    documented = repository.documented(heading) | repository.documented("Every service")
    actual = repository.endpoints(bank.apps[name])
    assert sorted(documented - actual) == []
    assert sorted(actual - documented) == []


def _check_failure(answer: TestResponse, status: int, code: str) -> None:
    assert (answer.status_code, answer.content_type) == (status, "application/json"), answer.text
    assert answer.json is not None
    assert set(answer.json) == FAILURE_KEYS
    assert answer.json["success"] is False
    assert answer.json["error_code"] == code
    assert answer.headers["X-Request-ID"]


@pytest.mark.parametrize("name", MODULES)
def test_an_unknown_path_is_404_in_the_common_form(bank: Suite, somebody: Person, name: str) -> None:
    _check_failure(bank.call(name, "GET", "/api/nowhere", somebody), 404, "NOT_FOUND")


@pytest.mark.parametrize("name", MODULES)
def test_a_wrong_method_is_405_in_the_common_form(bank: Suite, somebody: Person, name: str) -> None:
    _check_failure(bank.call(name, "PATCH", "/api/health", somebody), 405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("name", MODULES)
def test_every_path_answers_other_methods_with_405_and_those_that_it_takes(bank: Suite, name: str) -> None:
    """The paths of a service are asked for at the gateway, too."""
    wrong = []
    for path, methods in _methods_by_path(bank, name).items():
        allowed = ", ".join(sorted(methods))
        at_gateway = {"gateway"} if path.startswith("/api/") else set()
        for process in {name} | at_gateway:
            for method in METHODS - methods:
                answer = bank.call(process, method, path)
                if (answer.status_code, answer.headers.get("Allow")) != (405, allowed):
                    wrong.append((process, method, path, answer.status_code, answer.headers.get("Allow")))
            answer = bank.call(process, "OPTIONS", path)
            if answer.status_code != 200 or set(answer.allow) != methods:
                wrong.append((process, "OPTIONS", path, answer.status_code, answer.headers.get("Allow")))
    assert wrong == []


def _methods_by_path(bank: Suite, name: str) -> dict[str, set[str]]:
    """Return the methods of each path of a process, with an id in place of each variable part."""
    found: dict[str, set[str]] = {}
    for rule in bank.apps[name].url_map.iter_rules():
        if not (rule.defaults or {}).get("owner"):  # what the gateway forwards is the services'
            found.setdefault(re.sub("<[^>]+>", ID, rule.rule), set()).update(rule.methods or ())
    return found


@pytest.mark.parametrize("name", BODY_TAKERS)
@pytest.mark.parametrize(
    ("status", "code", "request_parts"),
    [
        (413, "PAYLOAD_TOO_LARGE", {"data": b"x" * 1_000_000, "content_type": "application/json"}),
        (415, "UNSUPPORTED_MEDIA_TYPE", {"data": "a=1", "content_type": "application/x-www-form-urlencoded"}),
        (415, "UNSUPPORTED_MEDIA_TYPE", {"data": "{}", "content_type": "text/plain"}),
        (400, "INVALID_REQUEST", {"data": "{", "content_type": "application/json"}),
        (400, "INVALID_REQUEST", {"data": "[]", "content_type": "application/json"}),
        (400, "INVALID_REQUEST", {"json": {}}),
        (400, "INVALID_REQUEST", {"json": {"no": "such field"}}),
    ],
)
def test_an_invalid_body_is_refused_in_the_common_form(
    bank: Suite, somebody: Person, name: str, status: int, code: str, request_parts: dict[str, object]
) -> None:
    _check_failure(bank.call(name, "POST", BODY_TAKERS[name], somebody, **request_parts), status, code)


def test_each_invalid_field_is_named(bank: Suite, somebody: Person) -> None:
    answer = bank.call("account", "POST", "/api/accounts/create", somebody, json={"account_type": "gold", "role": "x"})
    assert answer.json is not None
    assert answer.json["details"].keys() == {"account_type", "role"}


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("account", "POST", "/api/accounts/create"),
        ("transaction", "POST", "/api/transactions/deposit"),
        ("reporting", "GET", "/api/reports/list"),
        ("auth", "POST", "/api/auth/change_password"),
        ("gateway", "POST", "/api/accounts/create"),
    ],
)
def test_a_missing_login_is_refused_before_the_body_is_validated(
    bank: Suite, name: str, method: str, path: str
) -> None:
    answer = bank.call(name, method, path, data=b"{", content_type="application/json")
    _check_failure(answer, 401, "AUTHENTICATION_REQUIRED")
