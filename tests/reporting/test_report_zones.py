"""Days and months of reports begin where the caller's time zone says, from the ledger to the document."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest

from shared.core import clock
from tests.support.suite import Person, Suite

# Midnight in Kathmandu (UTC+5:45), and the ends of March and of a day of 23 hours in Berlin.
KATHMANDU_MIDNIGHT = datetime(2026, 3, 29, 18, 15, tzinfo=UTC)
BERLIN_APRIL = datetime(2026, 3, 31, 22, tzinfo=UTC)
BERLIN_MARCH_30 = datetime(2026, 3, 29, 22, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class FixedClock:
    """Replaces `datetime` in the clock of this process."""

    at = KATHMANDU_MIDNIGHT

    def now(self, zone: tzinfo) -> datetime:
        return self.at.astimezone(zone)


class Desk:
    """A customer, who pays at chosen instants."""

    def __init__(self, suite: Suite, fixed: FixedClock) -> None:
        self.suite, self.fixed = suite, fixed
        self.admin, self.ada = suite.admin(), suite.person("ada")
        self.account_id = self.ada.open()["id"]

    def deposit(self, at: datetime, amount: str) -> None:
        self.fixed.at = at
        self.ada.pay("deposit", account_id=self.account_id, amount=amount)

    def get(self, service: str, path: str, query: dict[str, str], person: Person | None = None) -> Any:
        answer = self.suite.call(service, "GET", path, person or self.ada, query_string=query)
        assert answer.status_code == 200, answer.text
        return answer.json

    def report(self, name: str, query: dict[str, str], person: Person | None = None) -> Any:
        query = query | {"save": "false"}
        return self.get("reporting", f"/api/reports/{name}", query, person)["report"]["report_data"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Desk]:
    patch, fixed = pytest.MonkeyPatch(), FixedClock()
    suite = Suite(
        tmp_path_factory.mktemp("zones"), ("auth", "account", "transaction", "reporting"), database=database
    ).start()
    desk = Desk(suite, fixed)
    patch.setattr(clock, "datetime", fixed)
    for at, amount in (
        (KATHMANDU_MIDNIGHT - MICROSECOND, "1.00"),
        (KATHMANDU_MIDNIGHT, "2.00"),
        (BERLIN_MARCH_30 - MICROSECOND, "4.00"),
        (BERLIN_MARCH_30, "8.00"),
        (BERLIN_APRIL - MICROSECOND, "16.00"),
        (BERLIN_APRIL, "32.00"),
    ):
        desk.deposit(at, amount)
    patch.undo()
    yield desk
    suite.stop()


def days_of(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {row["date"]: row["total"] for row in rows}


BY_DAY = {
    "UTC": {"2026-03-29": "15.00", "2026-03-31": "48.00"},
    "Europe/Berlin": {"2026-03-29": "7.00", "2026-03-30": "8.00", "2026-03-31": "16.00", "2026-04-01": "32.00"},
    "Asia/Kathmandu": {"2026-03-29": "1.00", "2026-03-30": "14.00", "2026-04-01": "48.00"},
    "Pacific/Apia": {"2026-03-30": "15.00", "2026-04-01": "48.00"},
    "America/St_Johns": {"2026-03-29": "15.00", "2026-03-31": "48.00"},
}


@pytest.mark.parametrize("tz", BY_DAY)
def test_days_are_those_of_the_zone_in_all_reports(desk: Desk, tz: str) -> None:
    period = {"start_date": "2026-03-28", "end_date": "2026-04-02", "tz": tz}
    account, everything = desk.report(f"account/{desk.account_id}", period), desk.report("transactions", period)
    bank = desk.report("system", period, desk.admin)
    assert days_of(everything["by_day"]) == BY_DAY[tz]
    assert days_of(bank["transactions"]["by_day"]) == BY_DAY[tz]
    assert {day["date"]: day["by_type"]["deposit"]["total"] for day in bank["volumes_by_day"]} == BY_DAY[tz]
    groups = {group["start_date"]: group["total"] for group in account["groups"] if group["count"]}
    assert groups == BY_DAY[tz]
    assert account["time_zone"] == everything["time_zone"] == bank["time_zone"] == tz
    trend = {point["date"]: point["balance"] for point in account["balance_trend"]}
    assert trend["2026-04-02"] == account["closing_balance"] == "63.00"
    assert trend["2026-03-28"] == account["opening_balance"] == "0.00"


@pytest.mark.parametrize("tz", BY_DAY)
def test_summaries_and_statistics_have_the_same_days(desk: Desk, tz: str) -> None:
    for name in ("summary", "statistics"):
        found = desk.get("transaction", f"/api/transactions/{name}", {"tz": tz, "from": "2026-03-28"})[name]
        assert days_of(found["by_day"]) == BY_DAY[tz]
        assert (found["count"], found["largest"]) == (6, "32.00")
        of_account = desk.get("transaction", f"/api/transactions/{name}", {"tz": tz, "account_id": desk.account_id})[
            name
        ]
        assert days_of(of_account["by_day"]) == BY_DAY[tz]


def test_a_month_ends_with_its_last_microsecond_in_the_zone(desk: Desk) -> None:
    march = {"start_date": "2026-03-01", "end_date": "2026-03-31", "tz": "Europe/Berlin"}
    april = {"start_date": "2026-04-01", "end_date": "2026-04-30", "tz": "Europe/Berlin"}
    closed, opened = (desk.report(f"account/{desk.account_id}", month) for month in (march, april))
    assert (closed["count"], closed["closing_balance"]) == (5, "31.00")
    assert (opened["count"], opened["opening_balance"], opened["closing_balance"]) == (1, "31.00", "63.00")
    assert opened["previous"]["income"] == closed["income"]
    in_list = desk.get("transaction", "/api/transactions/list", {"from": "2026-04-01", "tz": "Europe/Berlin"})
    assert [row["amount"] for row in in_list["transactions"]] == ["32.00"]


def test_a_custom_report_has_the_days_of_the_zone(desk: Desk) -> None:
    choice = {"name": "March", "start_date": "2026-03-01", "end_date": "2026-03-31", "account_ids": [desk.account_id]}
    kept = desk.suite.call("reporting", "POST", "/api/reports/custom", desk.ada, json=choice).json or {}
    report_id = kept["custom_report"]["id"]
    totals = {
        tz: desk.report(f"custom/{report_id}/run", {"tz": tz})["income"]
        for tz in ("UTC", "Europe/Berlin", "Asia/Kathmandu")
    }
    assert totals == {"UTC": "63.00", "Europe/Berlin": "31.00", "Asia/Kathmandu": "15.00"}


def test_a_document_says_whose_days_it_has(desk: Desk) -> None:
    query = {"start_date": "2026-04-01", "end_date": "2026-04-01", "tz": "Asia/Kathmandu", "format": "csv"}
    answer = desk.suite.call(
        "reporting", "GET", f"/api/reports/account/{desk.account_id}", desk.ada, query_string=query
    )
    assert "2026-04-01 03:44:59,deposit" in answer.text
    assert "2026-04-01 03:45:00,deposit" in answer.text


@pytest.mark.parametrize("tz", ["", "utc+2", "Mars/Base", "../etc/passwd", "localtime", "europe/berlin", "\u200bUTC"])
def test_an_unknown_zone_is_refused_by_its_name(desk: Desk, tz: str) -> None:
    paths = [
        *(("transaction", f"/api/transactions/{name}") for name in ("summary", "statistics", "list")),
        *(("reporting", f"/api/reports/{name}") for name in (f"account/{desk.account_id}", "transactions")),
    ]
    for service, path in paths:
        answer = desk.suite.call(service, "GET", path, desk.ada, query_string={"tz": tz})
        assert answer.status_code == 400
        assert list((answer.json or {})["details"]) == ["tz"]
