"""Custom reports over the real services."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from reporting_service.figure_logic import preset_period
from reporting_service.reporting_schemas import Preset
from shared.core.time_zones import UTC_ZONE
from tests.support.suite import Person, Suite

TODAY = str(datetime.now(UTC).date())


class Desk:
    """Ada with three accounts and payments of today, and Bob with one account."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.ada, self.bob = suite.person(), suite.person()
        self.accounts = [self.open(self.ada) for _ in range(3)]
        self.bobs = self.open(self.bob)
        self.move("deposit", account_id=self.accounts[0], amount="500.00")
        self.move("deposit", account_id=self.accounts[2], amount="7.00")
        self.move("withdraw", account_id=self.accounts[0], amount="20.00")
        self.move("transfer", from_account_id=self.accounts[0], to_account_id=self.accounts[1], amount="100.00")
        self.move("transfer", from_account_id=self.accounts[1], to_account_id=self.accounts[2], amount="30.00")

    def open(self, person: Person) -> str:
        return str(person.open(account_type="savings")["id"])

    def move(self, kind: str, **body: str) -> None:
        answer = self.suite.call("transaction", "POST", f"/api/transactions/{kind}", self.ada, json=body)
        assert answer.status_code == 201, answer.text

    def create(self, person: Person | None = None, **body: Any) -> TestResponse:
        body = {"name": uuid4().hex, "preset": "this_month", **body}
        return self.suite.call("reporting", "POST", "/api/reports/custom", person or self.ada, json=body)

    def call(self, method: str, path: str, person: Person | None = None) -> TestResponse:
        return self.suite.call("reporting", method, f"/api/reports/{path}", person or self.ada)

    def run(self, query: str = "", **body: Any) -> dict[str, Any]:
        """Keep a custom report, run it and return the report."""
        created = self.create(**body)
        assert created.status_code == 201, created.text
        answer = self.call("GET", f"custom/{(created.json or {})['custom_report']['id']}/run{query}")
        assert answer.status_code == 200, answer.text
        return dict((answer.json or {})["report"])


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Desk]:
    names = ("auth", "account", "transaction", "reporting")
    suite = Suite(tmp_path_factory.mktemp("bank"), names, database=database).start()
    yield Desk(suite)
    suite.stop()


def test_a_transfer_between_chosen_accounts_is_neither_income_nor_expense(desk: Desk) -> None:
    first, second, third = desk.accounts
    data = desk.run(account_ids=[first, second])["report_data"]
    assert (data["income"], data["expense"], data["net"], data["count"]) == ("500.00", "50.00", "450.00", 4)
    assert (data["opening_balance"], data["closing_balance"]) == ("0.00", "450.00")
    assert (data["money_out"]["count"], data["money_out"]["largest"]) == (2, "30.00")
    assert [account["id"] for account in data["accounts"]] == [first, second]
    alone = desk.run(account_ids=[third])["report_data"]
    assert (alone["income"], alone["expense"], alone["closing_balance"]) == ("37.00", "0.00", "37.00")
    everything = desk.run()["report_data"]
    assert (everything["income"], everything["expense"]) == ("507.00", "20.00")


def test_types_can_be_chosen_and_have_no_balances(desk: Desk) -> None:
    data = desk.run(types=["deposit"], group="month")["report_data"]
    assert (data["income"], data["expense"], data["count"]) == ("507.00", "0.00", 2)
    assert data["by_type"] == {"deposit": {"count": 2, "total": "507.00"}}
    assert (data["opening_balance"], data["closing_balance"], data["types"]) == (None, None, ["deposit"])
    assert (data["grouping"], len(data["groups"])) == ("month", 1)


def test_a_run_is_stored_like_a_report_unless_save_is_false(desk: Desk) -> None:
    report = desk.run(name="All of it", start_date=TODAY, end_date=TODAY, preset=None)
    assert report["report_type"] == "transaction"
    assert report["title"] == f"All of it, {TODAY} to {TODAY}"
    assert set(report["parameters"]) == {"custom_report_id", "start_date", "end_date"}
    stored = desk.call("GET", f"details/{report['id']}").json or {}
    assert stored["report"] == report
    assert desk.run("?save=false")["id"] is None


def test_a_custom_report_is_listed_returned_and_deleted(desk: Desk) -> None:
    carl = desk.suite.person()
    made = [(desk.create(carl, name=name).json or {})["custom_report"] for name in ("One", "Two", "Three")]
    assert made[0]["preset"] == "this_month"
    page = desk.call("GET", "custom?limit=2", carl).json or {}
    assert [row["name"] for row in page["custom_reports"]] == ["Three", "Two"]
    rest = desk.call("GET", f"custom?limit=2&cursor={page['pagination']['next_cursor']}", carl).json or {}
    assert [row["name"] for row in rest["custom_reports"]] == ["One"]
    path = f"custom/{made[0]['id']}"
    assert (desk.call("GET", path, carl).json or {})["custom_report"] == made[0]
    assert desk.call("DELETE", path, carl).status_code == 200
    for method, suffix in (("GET", ""), ("GET", "/run"), ("DELETE", "")):
        assert desk.call(method, path + suffix, carl).status_code == 404


def test_a_name_is_used_once_for_each_user(desk: Desk) -> None:
    assert desk.create(name="Mine").status_code == 201
    again = desk.create(name="Mine")
    assert (again.status_code, (again.json or {})["error_code"]) == (409, "NAME_TAKEN")
    assert desk.create(desk.bob, name="Mine").status_code == 201


def test_somebody_elses_custom_report_and_account_do_not_exist(desk: Desk) -> None:
    report_id = (desk.create().json or {})["custom_report"]["id"]
    for method, suffix in (("GET", ""), ("GET", "/run"), ("DELETE", "")):
        foreign = desk.call(method, f"custom/{report_id}{suffix}", desk.bob)
        unknown = desk.call(method, f"custom/{uuid4()}{suffix}", desk.bob)
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json == unknown.json
    foreign, unknown = desk.create(account_ids=[desk.bobs]), desk.create(account_ids=[str(uuid4())])
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json == unknown.json


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"account_ids": ["nobody"]}, "account_ids"),
        ({"types": ["loan"]}, "types"),
        ({"types": ["deposit", "deposit"]}, "types"),
        ({"preset": "this_week"}, "preset"),
        ({"preset": None}, "preset"),
        ({"start_date": TODAY}, "preset"),
        ({"preset": None, "start_date": TODAY}, "preset"),
        ({"preset": None, "start_date": "2026-02-02", "end_date": "2026-02-01"}, "start_date"),
        ({"preset": None, "start_date": "2026-02-30", "end_date": "2026-03-01"}, "start_date"),
        ({"group": "year"}, "group"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_choice_is_refused_by_field(desk: Desk, body: dict[str, Any], field: str) -> None:
    answer = desk.create(**body)
    assert answer.status_code == 400, answer.text
    assert [name.partition(".")[0] for name in (answer.json or {})["details"]] == [field]


def test_custom_reports_need_a_login(desk: Desk) -> None:
    for method, path in (("GET", "custom"), ("POST", "custom"), ("GET", f"custom/{uuid4()}/run")):
        assert desk.suite.call("reporting", method, f"/api/reports/{path}").status_code == 401


@pytest.mark.parametrize(
    ("preset", "today", "days"),
    [
        ("this_month", "2026-03-31", "2026-03-01 2026-03-31"),
        ("last_month", "2026-03-31", "2026-02-01 2026-02-28"),
        ("this_quarter", "2026-05-02", "2026-04-01 2026-05-02"),
        ("last_quarter", "2026-02-10", "2025-10-01 2025-12-31"),
        ("this_year", "2028-02-29", "2028-01-01 2028-02-29"),
        ("last_year", "2028-02-29", "2027-01-01 2027-12-31"),
    ],
)
def test_a_preset_moves_on_with_the_calendar(preset: Preset, today: str, days: str) -> None:
    period = preset_period(preset, date.fromisoformat(today), UTC_ZONE)
    assert f"{period.start_date} {period.end_date}" == days
