"""The demo's history is affordable, in order and in the past, and the services show it as it was planned."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import demo_data
from demo_data import EMPLOYEE, EVERYBODY, BankNotEmpty, Movement, fill, plan
from history import BankSettings, open_bank
from tests.support.suite import Person, Suite

DAYS = 12
NOW = datetime(2026, 3, 31, 20, tzinfo=UTC)
HALF_A_YEAR = plan((NOW - timedelta(days=demo_data.DAYS)).date(), NOW)


def test_the_history_is_the_same_each_time() -> None:
    assert plan((NOW - timedelta(days=demo_data.DAYS)).date(), NOW) == HALF_A_YEAR


def test_half_a_year_has_about_a_thousand_movements_of_every_kind() -> None:
    assert 1000 <= len(HALF_A_YEAR) <= 1500
    kinds = Counter((bool(movement.source), bool(movement.target)) for movement in HALF_A_YEAR)
    assert min(kinds.values()) > 50


def test_movements_are_in_the_order_of_their_times_and_end_before_now() -> None:
    times = [movement.at for movement in HALF_A_YEAR]
    assert times == sorted(times)
    assert times[-1] < NOW


def test_everybody_has_what_they_spend_except_for_the_boat() -> None:
    balances: defaultdict[object, Decimal] = defaultdict(Decimal)
    for movement in HALF_A_YEAR:
        if movement.source and not movement.is_refused:
            balances[movement.source] -= movement.amount
            assert balances[movement.source] >= 0
        elif movement.source:
            assert balances[movement.source] < movement.amount
        if movement.target:
            balances[movement.target] += movement.amount


def test_nothing_is_refused_by_accident() -> None:
    refused = [movement.description for movement in HALF_A_YEAR if movement.is_refused]
    assert set(refused) == {"A small boat"}


@pytest.mark.parametrize("hour", [0, 5, 13])
def test_at_any_hour_there_is_a_history(hour: int) -> None:
    now = NOW.replace(hour=hour)
    assert all(movement.at < now for movement in plan((now - timedelta(days=40)).date(), now))


class Demo:
    """A bank in one process, filled before its services have started."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.began_at = datetime.now(UTC)
        self.logins = dict(self.fill())
        self.suite = Suite(data_dir).start()

    def fill(self) -> list[tuple[str, str]]:
        with open_bank(BankSettings.load(BANK_DATA_DIR=str(self.data_dir))) as bank:
            return fill(bank, days=DAYS)

    def log_in(self, username: str) -> Person:
        return self.suite.log_in(username, self.logins[username])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    demo = Demo(tmp_path_factory.mktemp("bank"))
    yield demo
    demo.suite.stop()


def planned(demo: Demo) -> list[Movement]:
    return plan((demo.began_at - timedelta(days=DAYS)).date(), demo.began_at)


def test_everybody_can_log_in_with_a_password_of_their_own(demo: Demo) -> None:
    assert list(demo.logins) == [*(customer.username for customer in EVERYBODY), EMPLOYEE]
    assert len(set(demo.logins.values())) == len(EVERYBODY) + 1
    demo.log_in(EVERYBODY[0].username)


def test_no_page_asks_to_verify_an_address_to_which_no_mail_was_sent(demo: Demo) -> None:
    for username in demo.logins:
        person = demo.log_in(username)
        assert demo.suite.call("auth", "GET", "/api/auth/users/profile", person).get_json()["email_verified"]


def test_each_page_of_the_employee_has_something_to_show(demo: Demo) -> None:
    grace, admin = demo.log_in(EMPLOYEE), demo.suite.admin()

    def rows(service: str, path: str, key: str, person: Person = grace) -> list[dict[str, str]]:
        found: list[dict[str, str]] = demo.suite.call(service, "GET", path, person).get_json()[key]
        return found

    (till,) = rows("transaction", "/api/transactions/tills", "tills")
    assert (till["status"], till["float"], till["expected_cash"]) == ("open", "500.00", "680.00")
    (case,) = rows("auth", "/api/auth/cases/all", "cases")
    assert (case["customer"], case["state"]) == ("Clara Novák", "open")
    (request,) = rows("account", "/api/accounts/approvals?status=pending", "approvals", admin)
    path = f"/api/accounts/approvals/{request['id']}/approve"
    assert demo.suite.call("account", "POST", path, admin).status_code == 200
    for state, name in (("pending", "Ben Okafor"), ("verified", "Clara Novák")):
        (customer,) = rows("auth", f"/api/auth/customers?identity={state}", "customers")
        assert customer["full_name"] == name


def test_the_bank_shows_what_was_planned_at_the_planned_times(demo: Demo) -> None:
    admin = demo.suite.admin()
    shown: list[dict[str, str]] = []
    query = {"limit": "200"}
    while True:
        answer = demo.suite.call("transaction", "GET", "/api/transactions/all", admin, query_string=query)
        assert answer.json is not None
        shown += answer.json["transactions"]
        if answer.json["pagination"]["next_cursor"] is None:
            break
        query["cursor"] = answer.json["pagination"]["next_cursor"]
    expected = planned(demo)
    assert shown.pop(0)["description"] == "Birthday money"
    assert len(shown) == len(expected)
    for row, movement in zip(reversed(shown), expected, strict=True):
        at = datetime.fromisoformat(row["timestamp"])
        assert at == movement.at


def test_balances_are_what_the_history_says(demo: Demo) -> None:
    person = demo.log_in(EVERYBODY[0].username)
    answer = demo.suite.call("account", "GET", "/api/accounts/list", person)
    assert answer.json is not None
    for account in answer.json["accounts"]:
        side = (person.username, account["account_type"])
        moved = [movement for movement in planned(demo) if not movement.is_refused]
        received = sum(movement.amount for movement in moved if movement.target == side)
        spent = sum(movement.amount for movement in moved if movement.source == side)
        assert Decimal(account["balance"]) == received - spent


def test_a_bank_with_customers_is_left_alone(demo: Demo) -> None:
    demo.suite.stop()
    with pytest.raises(BankNotEmpty):
        demo.fill()
