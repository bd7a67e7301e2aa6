"""The gateway as a whole: health, headers, errors, rate limits, documentation."""

import re

import pytest
from openapi_spec_validator import validate

from api_gateway.api_gateway import GatewaySettings
from api_gateway.web.browser_security import CONTENT_SECURITY_POLICY
from shared.core.errors import CannotStart
from tests.support.suite import ADMIN_PASSWORD, Suite
from tests.support.visitor import Visitor

SERVICES = {"api-gateway", "auth-service", "account-service", "transaction-service", "reporting-service"}


@pytest.fixture
def visitor(bank: Suite) -> Visitor:
    return bank.visitor()


def test_health_is_healthy_when_all_five_are(bank: Suite) -> None:
    answer = bank.call("gateway", "GET", "/health")
    assert answer.status_code == 200
    assert answer.json == {"status": "healthy", "services": dict.fromkeys(SERVICES, "healthy")}


@pytest.mark.parametrize("name", ["auth", "account", "transaction", "reporting"])
def test_health_names_the_unavailable_service(bank: Suite, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bank.adapters[name], "down", True)
    answer = bank.call("gateway", "GET", "/health")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["status"] == "degraded"
    assert set(answer.json["services"]) == SERVICES
    assert answer.json["services"][f"{name}-service"] == "unhealthy"
    assert answer.json["services"]["api-gateway"] == "healthy"


def test_health_has_the_response_time_of_each_service(bank: Suite) -> None:
    timing = bank.call("gateway", "GET", "/health").headers["Server-Timing"]
    times = dict(entry.split(";dur=") for entry in timing.split(", "))
    assert set(times) == set(SERVICES)
    assert all(0 <= float(milliseconds) < 60_000 for milliseconds in times.values())


def test_the_gateways_own_health_names_its_unavailable_dependencies(
    bank: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bank.call("gateway", "GET", "/api/health").json == {"status": "healthy", "service": "api-gateway"}
    monkeypatch.setattr(bank.adapters["reporting"], "down", True)
    answer = bank.call("gateway", "GET", "/api/health")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["details"] == {"reporting-service": "unavailable"}
    assert bank.call("gateway", "GET", "/api/live").status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/login", "/nowhere", "/api/nowhere", "/api/live", "/health", "/static/css/custom.css"]
)
def test_every_answer_carries_the_security_headers(bank: Suite, path: str) -> None:
    with bank.call("gateway", "GET", path) as answer:
        headers = answer.headers
    assert headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["X-Request-ID"]
    assert "Strict-Transport-Security" not in headers


def test_https_responses_have_hsts(bank: Suite) -> None:
    answer = bank.call("gateway", "GET", "/", base_url="https://localhost")
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]


@pytest.mark.parametrize("path", ["/", "/login", "/api/auth/jwks", "/api/accounts/list", "/openapi.json"])
def test_no_answer_allows_another_origin_to_read_it(bank: Suite, path: str) -> None:
    with bank.call("gateway", "GET", path, headers={"Origin": "https://evil.example"}) as answer:
        assert [name for name, _ in answer.headers if name.startswith("Access-Control-")] == []


@pytest.mark.parametrize("path", ["/login", "/register"])
def test_passwords_are_masked_and_open_to_password_managers(visitor: Visitor, path: str) -> None:
    fields = re.findall(r"<input[^>]*password[^>]*>", visitor.get(path).text)
    assert fields
    for field in fields:
        assert 'type="password"' in field
        assert re.search(r'autocomplete="(current|new)-password"', field)


def test_pages_are_not_cached(visitor: Visitor) -> None:
    assert visitor.get("/login").headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    ["/", "/login", "/nowhere", "/docs", "/health", "/api/live", "/static/css/custom.css", "/logout", "/dashboard"],
)
def test_head_returns_the_headers_of_get(visitor: Visitor, path: str) -> None:
    with visitor.client.head(path) as head, visitor.get(path) as get:
        assert head.status_code == get.status_code
        assert head.data == b""
        assert int(head.headers["Content-Length"]) == len(get.data)
        assert head.headers["Content-Type"] == get.headers["Content-Type"]


def test_a_compressed_form_is_refused_with_a_page(visitor: Visitor) -> None:
    answer = visitor.post("/login", {"username": "x"}, **{"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.mimetype) == (415, "text/html")
    assert answer.headers["Accept-Encoding"] == "identity"


def test_pages_load_no_foreign_resources_and_have_no_inline_script(visitor: Visitor) -> None:
    visitor.register("styled")
    for path in ("/profile", "/settings", "/docs", "/nowhere"):
        page = visitor.get(path).text
        assert re.findall(r"(?:src|href)=\"(?:https?:)?//", page) == []
        assert re.findall(r"<script(?![^>]*\ssrc=)", page) == []
        assert re.findall(r"<[^>]+\s(?:style|on\w+)=", page) == []


def test_every_file_that_a_page_refers_to_exists_and_is_cacheable(visitor: Visitor) -> None:
    for path in ("/login", "/docs"):
        for address in re.findall(r"(?:src|href)=\"(/static/[^\"]+)", visitor.get(path).text):
            answer = visitor.get(address)
            assert answer.status_code == 200, address
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            answer.close()


def test_the_first_page_is_small(visitor: Visitor) -> None:
    page = visitor.get("/login")
    size = len(page.data)
    for address in re.findall(r"(?:src|href)=\"(/static/[^\"]+)", page.text):
        with visitor.get(address) as file:
            size += len(file.data)
    assert size < 400_000


@pytest.mark.parametrize("path", ["/nowhere", "/api", "/apix/list", "/healthy"])
def test_a_missing_page_is_an_error_page(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 404
    if path != "/api":
        assert answer.mimetype == "text/html"
        assert "We can&#39;t find that" in answer.text
        assert answer.headers["X-Request-ID"] in answer.text


@pytest.mark.parametrize("path", ["/api/nowhere", "/internal/postings", "/internal", "/health/x", "/metrics/x"])
def test_programs_get_errors_as_json(bank: Suite, path: str) -> None:
    answer = bank.call("gateway", "GET", path)
    assert answer.status_code == 404
    assert answer.json == {
        "success": False,
        "message": "There is nothing at this address. Check it for typing errors.",
        "error_code": "NOT_FOUND",
        "details": {},
    }


def test_a_wrong_method_is_an_error_page(visitor: Visitor) -> None:
    answer = visitor.get("/logout")
    assert (answer.status_code, answer.mimetype) == (405, "text/html")
    assert answer.headers["Allow"] == "OPTIONS, POST"


def test_a_large_form_is_refused_with_a_page(visitor: Visitor) -> None:
    answer = visitor.post("/login", {"username": "x" * 100_000})
    assert (answer.status_code, answer.mimetype) == (413, "text/html")
    assert answer.headers["Connection"] == "close"


def test_an_unexpected_error_reveals_no_details(bank: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise RuntimeError("secret detail")

    monkeypatch.setitem(bank.apps["gateway"].view_functions, "welcome.index", fail)
    answer = bank.call("gateway", "GET", "/")
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "secret detail" not in answer.text
    assert "RuntimeError" not in answer.text
    assert answer.headers["X-Request-ID"] in answer.text


def test_signed_out_clients_are_rate_limited_by_address(bank: Suite) -> None:
    client = bank.client("gateway")
    client.environ_base["REMOTE_ADDR"] = "203.0.113.1"
    answers = [client.get("/api/nowhere") for _ in range(300)]
    assert sum(answer.status_code == 404 for answer in answers) >= 100
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json is not None
    assert (refused.headers["Retry-After"], refused.json["error_code"]) == ("1", "TOO_MANY_REQUESTS")
    client.environ_base["REMOTE_ADDR"] = "203.0.113.2"
    assert client.get("/api/nowhere").status_code == 404


@pytest.mark.parametrize("path", ["/api/live", "/static/css/custom.css"])
def test_health_checks_and_static_files_are_not_rate_limited(bank: Suite, path: str) -> None:
    client = bank.client("gateway")
    client.environ_base["REMOTE_ADDR"] = "203.0.113.3"
    for _ in range(150):
        with client.get(path) as answer:
            assert answer.status_code == 200


def test_registrations_share_one_limit_on_page_and_api(bank: Suite) -> None:
    client = bank.client("gateway")
    client.environ_base["REMOTE_ADDR"] = "203.0.113.4"
    statuses = [client.post("/api/auth/register", json={}).status_code for _ in range(21)]
    assert statuses == [400] * 20 + [429]
    assert client.post("/register", data={}).status_code == 429


def test_the_documentation_is_valid_and_names_every_service(bank: Suite) -> None:
    document = bank.call("gateway", "GET", "/openapi.json").json
    assert document is not None
    validate(document)
    assert document["servers"] == [{"url": "/"}]
    for path in ("/api/auth/login", "/api/accounts/create", "/api/transactions/transfer", "/api/reports/list"):
        assert path in document["paths"]
    assert [path for path in document["paths"] if path.startswith("/internal")] == []
    assert document["paths"]["/api/transactions/transfer"]["post"]["security"] == [{"bearer": []}]


def test_the_documentation_omits_an_unavailable_service(tmp_path_factory: pytest.TempPathFactory) -> None:
    bank = Suite(tmp_path_factory.mktemp("bank"), names=("auth", "gateway"))
    document = bank.call("gateway", "GET", "/openapi.json").json
    assert document is not None
    assert "/api/auth/login" in document["paths"]
    bank.stop()


def test_swagger_ui_is_served_locally(visitor: Visitor) -> None:
    page = visitor.get("/docs")
    assert page.status_code == 200
    assert "/static/swagger/swagger-ui-bundle.js?v=" in page.text


def test_a_trusted_proxys_address_of_the_client_is_used(tmp_path_factory: pytest.TempPathFactory) -> None:
    for proxies, scheme in (("0", "http"), ("1", "https")):
        bank = Suite(tmp_path_factory.mktemp("bank"), names=("auth", "gateway"), BANK_TRUSTED_PROXIES=proxies)
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
        answer = bank.call("gateway", "GET", "/login", headers=headers)
        assert ("Secure" in answer.headers["Set-Cookie"]) == (scheme == "https")
        bank.stop()


@pytest.mark.parametrize("variable", ["SESSION_SECRET", "API_GATEWAY_SECRET"])
@pytest.mark.parametrize("value", ["", "short"])
def test_a_start_without_valid_secrets_is_refused(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("BANK_DATA_DIR", str(tmp_path_factory.mktemp("empty")))
    for name in ("SESSION_SECRET", "API_GATEWAY_SECRET"):
        monkeypatch.setenv(name, "g" * 40)
    monkeypatch.setenv(variable, value)
    with pytest.raises(CannotStart, match=variable):
        GatewaySettings.load()


def test_head_of_any_page_answers_like_get(bank: Suite) -> None:
    """Views that distinguish GET from POST must not treat HEAD as a POST."""
    app = bank.apps["gateway"]
    admin = Visitor(app)
    admin.log_in("admin", ADMIN_PASSWORD)
    pages = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.rule.startswith(("/api", "/static", "/metrics"))
    ]
    assert "/admin" in pages
    for number, page in enumerate(pages):
        path = re.sub(r"<[^>]+>", "6f1c2b1e-8a53-4a0e-9d57-0c1d2e3f4a5b", page)
        for visitor in (Visitor(app), admin):
            visitor.client.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"  # one address would reach its rate limit
            with visitor.client.head(path) as head, visitor.get(path) as get:
                found = [(answer.status_code, answer.headers.get("Location")) for answer in (head, get)]
            assert found[0] == found[1], path
