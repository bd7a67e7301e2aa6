"""Whose time zone a page is in: the profile's, else the browser's, else the bank's."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.core.time_zones import day_of, read_zone
from tests.support.suite import BankOptions, Person, Suite

OPTIONS = BankOptions(variables={"BANK_TIME_ZONE": "Asia/Kathmandu"})


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return replace(OPTIONS)


@pytest.fixture
def ada(bank: Suite) -> Person:
    ada = bank.person()
    ada.open("10.00")
    return ada


def shown(ada: Person) -> str:
    """Return the time of the newest transaction as its page shows it."""
    return ada.visitor.get(f"/transactions/{ada.transactions()[0]['id']}").text


def test_without_any_other_the_zone_of_the_bank_counts(ada: Person) -> None:
    assert " +0545</time>" in shown(ada)


def test_the_browser_names_its_zone_by_a_cookie(ada: Person) -> None:
    ada.visitor.client.set_cookie("time_zone", "Asia/Tokyo")
    assert " JST</time>" in shown(ada)
    ada.visitor.client.set_cookie("time_zone", "Mars/Base")
    assert " +0545</time>" in shown(ada)


def test_the_profile_comes_before_the_browser_at_once_and_after_a_login(bank: Suite, ada: Person) -> None:
    ada.visitor.client.set_cookie("time_zone", "Asia/Tokyo")
    assert ada.visitor.submit("/profile", time_zone="Pacific/Kiritimati").status_code == 303
    assert " +14</time>" in shown(ada)
    assert " +14</time>" in shown(bank.log_in(ada.username))
    assert ada.visitor.submit("/profile", time_zone="").status_code == 303
    assert " JST</time>" in shown(ada)


def test_statements_and_filters_begin_their_days_in_the_zone(ada: Person) -> None:
    zone = "Pacific/Kiritimati"
    ada.visitor.submit("/profile", time_zone=zone)
    account = ada.transactions()[0]["account_id"]
    there = day_of(datetime.now(UTC), read_zone(zone))
    document = ada.visitor.get(f"/accounts/{account}/statement?from={there}&to={there}&format=json").json
    assert document is not None
    statement = document["statement"]
    assert statement["period"] == {"start_date": str(there), "end_date": str(there), "time_zone": zone}
    assert [entry["date"] for entry in statement["entries"]] == [str(there)]
    assert "Deposit" in ada.visitor.get(f"/transactions?from={there}&to={there}").text.split("<table")[-1]


def test_an_unknown_zone_is_refused_by_its_field(bank: Suite, ada: Person) -> None:
    body = {"time_zone": "Mars/Base"}
    answer = bank.call("auth", "PUT", "/api/auth/users/profile", ada, json=body)
    assert (answer.status_code, list((answer.json or {})["details"])) == (400, ["time_zone"])
    body = {"time_zone": "Europe/Athens"}
    answer = bank.call("auth", "PUT", "/api/auth/users/profile", ada, json=body)
    assert (answer.json or {})["time_zone"] == "Europe/Athens"
    assert bank.call("auth", "GET", "/api/auth/users/profile", ada).get_json()["time_zone"] == "Europe/Athens"
