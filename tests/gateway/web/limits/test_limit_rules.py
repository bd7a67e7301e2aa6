"""Which requests are limited together: by address before a login, by person for lookups."""

import pytest
from flask.testing import FlaskClient

from api_gateway.web.limits.limit_rules import LOGIN, LOOKUP, REFRESH, REGISTRATION, RESET, TRANSFER, network
from tests.support import repository
from tests.support.suite import BankOptions, Suite


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(("auth", "account", "gateway"), variables={"BANK_TRUSTED_PROXIES": "1"})


@pytest.fixture
def client(bank: Suite) -> FlaskClient:
    return bank.apps["gateway"].test_client()


def statuses(client: FlaskClient, path: str, count: int, forwarded_for: str) -> list[int]:
    headers = {"X-Forwarded-For": forwarded_for}
    return [client.post(path, json={}, headers=headers).status_code for _ in range(count)]


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        (None, None),
        ("unknown", "unknown"),
    ],
)
def test_an_ipv6_address_counts_as_its_network(address: str | None, key: str | None) -> None:
    assert network(address) == key


@pytest.mark.parametrize(
    ("path", "burst"),
    [
        ("/api/auth/register", 20),
        ("/api/auth/login", 60),
        ("/api/auth/mfa/login", 60),
        ("/api/auth/password/forgot", 20),
        ("/api/auth/email/verify", 20),
        ("/api/auth/email/undo", 20),
        ("/api/auth/refresh", 60),
    ],
)
def test_guessing_is_limited_by_address(client: FlaskClient, path: str, burst: int) -> None:
    address = f"198.51.100.{burst + len(path)}"
    found = statuses(client, path, burst + 5, address)
    assert set(found[:burst]) == {400}
    assert 429 in found[burst:], "some tokens may have come back meanwhile"
    assert statuses(client, path, 1, "198.51.100.1") == [400]


def test_a_forged_entry_before_that_of_the_trusted_proxy_does_not_count(client: FlaskClient) -> None:
    path = "/api/auth/password/reset"
    found = [statuses(client, path, 1, f"6.6.6.{number}, 198.51.100.99")[0] for number in range(23)]
    assert set(found[:20]) == {400}
    assert 429 in found[20:]


def test_lookups_are_limited_by_person_whatever_the_session(bank: Suite) -> None:
    person = bank.person("searching")
    other = bank.log_in("searching", "correct horse battery staple")
    path = "/api/accounts/lookup?account_number=1234567890"
    answers = [bank.call("gateway", "GET", path, one) for one in [person, other] * 34]
    assert {answer.status_code for answer in answers[:60]} == {400}
    refused = next(answer for answer in answers[60:] if answer.status_code == 429)
    assert refused.headers["Retry-After"] == "1"
    assert bank.call("gateway", "GET", path, bank.person()).status_code == 400
    assert bank.call("gateway", "GET", "/api/accounts/list", person).status_code == 200


def test_payees_are_looked_up_as_often_on_the_page_of_a_transfer(bank: Suite) -> None:
    visitor = bank.person("typing").visitor
    found = [visitor.get("/transactions/payee?account_number=1234567890").status_code for _ in range(66)]
    assert set(found[:60]) == {400}
    assert 429 in found[60:]
    for path in TRANSFER:
        assert 429 in [visitor.post(path, {}).status_code for _ in range(4)]
    assert visitor.get("/transactions/transfer").status_code == 200, "the form alone looks nobody up"


def test_colleagues_are_looked_up_as_often_on_the_page_that_opens_an_account(bank: Suite) -> None:
    """There an employee finds anybody by the whole username, also without the permission to read customers."""
    employee = bank.employee(permissions=("accounts:open",))
    page, codes = "/admin/accounts/create", []
    for number in range(66):
        codes.append(employee.visitor.get(page, query_string={"who": f"guess-{number}"}).status_code)
    assert 429 not in codes[:60]
    assert 429 in codes[60:]
    assert employee.visitor.get(page).status_code == 200, "the form alone looks nobody up"


def test_the_limited_paths_exist(bank: Suite) -> None:
    known = {endpoint.path for app in bank.apps.values() for endpoint in repository.endpoints(app)}
    assert {path for paths in (LOGIN, LOOKUP, REFRESH, REGISTRATION, RESET) for path in paths} - known == set()


def test_a_url_that_is_not_redis_s_is_refused_by_name(bank: Suite) -> None:
    from api_gateway.api_gateway import GatewaySettings
    from shared.core.errors import CannotStart

    for url in ("http://127.0.0.1", "127.0.0.1:6379", "redis://127.0.0.1:x"):
        with pytest.raises(CannotStart, match="RATE_LIMIT_URL must be a URL such as redis://"):
            GatewaySettings.load(**bank.variables, RATE_LIMIT_URL=url)
