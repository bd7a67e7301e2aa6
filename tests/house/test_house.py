"""The rules of docs/ARCHITECTURE.md, as far as a program can check them."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tests.support import house
from tests.support.house import ROOT, SERVICES
from tests.support.suite import MODULES, Person, Suite

PROGRAMS = {"__main__"}
SERVICE_ROLES = ("service", "logic", "storage", "clients", "schemas", "models")
MAX_FUNCTION_LINES = 40
MAX_FILE_LINES = 450
NOUNS = (
    "account balance bank customer deposit iban interest ledger loan overdraft payee posting statement teller transfer "
    "withdraw withdrawal"
)
FAILURE_KEYS = {"success", "message", "error_code", "details"}


def role_of(path: Path) -> str:
    return path.stem.rpartition("_")[2]


@pytest.mark.parametrize("package", SERVICES)
def test_every_file_of_a_service_has_a_role(package: str) -> None:
    odd = [
        path.name
        for path in house.python_files(package)
        if path.stem not in ("__init__", *PROGRAMS)
        and role_of(path) not in SERVICE_ROLES
        and path.parent.name != "migrations"
    ]
    assert odd == []
    assert (ROOT / package / f"{package.removesuffix('_service')}_service.py").exists()


def test_every_file_of_the_gateway_lies_in_a_room() -> None:
    assert {path.stem for path in (ROOT / "api_gateway").glob("*.py")} == {"__init__", "api_gateway"}


def test_the_architecture_holds() -> None:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    checked = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def _modules_of(*roles: str) -> set[str]:
    files = [path for path in house.python_files(*SERVICES) if role_of(path) in roles and path.stem != "__init__"]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files}


@pytest.mark.parametrize(
    ("contract", "modules"),
    [
        ("Rules, storage, models and clients know nothing of the web", ("logic", "storage", "models", "clients")),
        ("Endpoints, rules and clients write no queries", ("service", "logic", "clients")),
    ],
)
def test_no_module_is_left_out_of_the_contracts(contract: str, modules: tuple[str, ...]) -> None:
    named = {name for one in house.contracts() if one["name"] == contract for name in one["source_modules"]}
    assert named == _modules_of(*modules)


@pytest.mark.parametrize("path", house.python_files("shared"), ids=lambda path: path.stem)
def test_shared_holds_no_banking_noun(path: Path) -> None:
    text = re.sub(
        r"(auth|account|transaction|reporting)[-_]service|BANK_|transfer[-_]encoding",
        "",
        path.read_text(encoding="utf-8"),
        flags=re.I,
    )
    if path.stem != "__init__":
        words = {word.lower().removesuffix("s") for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)}
        assert words & set(NOUNS.split()) == set()


def test_functions_fit_on_a_screen() -> None:
    long = [
        f"{name}: {lines} lines of code"
        for path in house.python_files()
        for name, lines in house.functions(path)
        if lines > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_files_are_split_before_they_grow_too_long() -> None:
    files = house.python_files("shared", *house.PACKAGES)
    sizes = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {path: size for path, size in sizes.items() if size > MAX_FILE_LINES} == {}


def test_only_the_database_module_commits() -> None:
    commits = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in house.python_files("shared", *house.PACKAGES)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ]
    assert {place.partition(":")[0] for place in commits} == {"shared/db/database.py"}


def test_one_sqlite_library_opens_all_files() -> None:
    importing = re.compile(r"^\s*(?:import|from) (?:sqlite3|pysqlite3)\b", re.M)
    files = [path for path in house.python_files() if importing.search(path.read_text(encoding="utf-8"))]
    assert [str(path.relative_to(ROOT)) for path in files] == ["shared/db/sqlite.py"]


def test_every_lint_exception_says_why() -> None:
    exception = re.compile(r"# (?:noqa|type: ?ignore)")
    with_reason = re.compile(r"# (?:noqa: [A-Z0-9, ]+ - |type: ignore\[[a-z, -]+\]  # )\w")
    silent = []
    for path in house.python_files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if exception.search(line) and not with_reason.search(line):
                silent.append(f"{path.relative_to(ROOT)}:{number}")
    assert not silent, "\n".join(silent)


def test_nothing_points_out_of_the_house() -> None:
    """The house stands alone: it names neither the folder that it lies in nor where packages come from."""
    outside = re.compile(rf"\.\./shared|{re.escape(str(ROOT))}/|https?://\S+/simple\b|\s--(?:extra-)?index[-]url")
    pointing = [
        str(path.relative_to(ROOT))
        for path in house.text_files()
        if path != Path(__file__) and outside.search(path.read_text(encoding="utf-8", errors="ignore"))
    ]
    assert pointing == []


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    suite = Suite(tmp_path_factory.mktemp("bank")).start()
    yield suite
    suite.stop()


@pytest.fixture(scope="module")
def somebody(bank: Suite) -> Person:
    return bank.person()


@pytest.mark.parametrize("name", MODULES)
def test_every_route_says_who_may_call_it(bank: Suite, name: str) -> None:
    silent = sorted(endpoint.path for endpoint in house.endpoints(bank.apps[name]) if endpoint.access == "nobody said")
    assert silent == []


@pytest.mark.parametrize("name", MODULES)
def test_the_documents_name_each_endpoint_and_no_other(bank: Suite, name: str) -> None:
    heading = "api-gateway" if name == "gateway" else f"{name}-service"
    documented = house.documented(heading) | house.documented("Every service")
    actual = house.endpoints(bank.apps[name])
    assert sorted(documented - actual) == []
    assert sorted(actual - documented) == []


def _check_failure(answer: TestResponse, status: int, code: str) -> None:
    assert (answer.status_code, answer.content_type) == (status, "application/json"), answer.text
    assert answer.json is not None
    assert set(answer.json) == FAILURE_KEYS
    assert answer.json["success"] is False
    assert answer.json["error_code"] == code
    assert answer.headers["X-Request-ID"]


BODY_TAKERS = {
    "auth": "/api/auth/login",
    "account": "/api/accounts/create",
    "transaction": "/api/transactions/deposit",
    "gateway": "/api/auth/login",
}


@pytest.mark.parametrize("name", MODULES)
def test_an_unknown_address_is_404_in_the_one_form(bank: Suite, somebody: Person, name: str) -> None:
    _check_failure(bank.call(name, "GET", "/api/nowhere", somebody), 404, "NOT_FOUND")


@pytest.mark.parametrize("name", MODULES)
def test_a_wrong_method_is_405_in_the_one_form(bank: Suite, somebody: Person, name: str) -> None:
    path = "/health" if name == "gateway" else "/api/health"
    _check_failure(bank.call(name, "PATCH", path, somebody), 405, "METHOD_NOT_ALLOWED")


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
def test_a_bad_body_is_refused_in_the_one_form(
    bank: Suite, somebody: Person, name: str, status: int, code: str, request_parts: dict[str, object]
) -> None:
    _check_failure(bank.call(name, "POST", BODY_TAKERS[name], somebody, **request_parts), status, code)


def test_each_bad_field_is_named(bank: Suite, somebody: Person) -> None:
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
def test_who_is_not_logged_in_is_told_so_before_the_body_is_looked_at(
    bank: Suite, name: str, method: str, path: str
) -> None:
    answer = bank.call(name, method, path, data=b"{", content_type="application/json")
    _check_failure(answer, 401, "AUTHENTICATION_REQUIRED")
