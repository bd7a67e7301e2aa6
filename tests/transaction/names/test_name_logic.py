"""The staff's list of all transactions by the people on either side, on both databases."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.suite import Suite


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory, database: str) -> Iterator[Suite]:
    suite = Suite(tmp_path_factory.mktemp("bank"), ("auth", "account", "transaction"), database=database).start()
    yield suite
    suite.stop()


@pytest.fixture(scope="module")
def numbers(suite: Suite) -> dict[str, str]:
    """The account numbers of three people: Ada has paid Bob, and Clara nobody."""
    people = {name: suite.person(name) for name in ("ada", "bob", "clara")}
    accounts = {name: person.open("50.00") for name, person in people.items()}
    transfer = {"from_account_id": accounts["ada"]["id"], "to_account_number": accounts["bob"]["account_number"]}
    people["ada"].pay("transfer", **transfer, amount="5.00", description="Lunch")
    return {name: account["account_number"] for name, account in accounts.items()}


def found(suite: Suite, query: str, status: int = 200) -> Any:
    answer = suite.call("transaction", "GET", f"/api/transactions/all?{query}", suite.admin())
    assert answer.status_code == status, answer.text
    return answer.get_json()


def sides(suite: Suite, query: str) -> list[tuple[str | None, str | None]]:
    return [(row["from_name"], row["to_name"]) for row in found(suite, query)["transactions"]]


def test_a_name_finds_the_transactions_on_either_side_once(suite: Suite, numbers: dict[str, str]) -> None:
    assert sides(suite, "party=bob") == [("ada", "bob"), (None, "bob")]
    assert sides(suite, "party=example.com") == [("ada", "bob"), (None, "clara"), (None, "bob"), (None, "ada")]
    assert sides(suite, "party=ada&type=transfer&q=lunch") == [("ada", "bob")]
    assert sides(suite, "party=nobody") == []


def test_its_pages_show_each_transaction_once(suite: Suite, numbers: dict[str, str]) -> None:
    shown: list[str] = []
    cursor = ""
    while cursor is not None:
        page = found(suite, f"party=example.com&limit=1{'&cursor=' + cursor if cursor else ''}")
        shown += [row["id"] for row in page["transactions"]]
        cursor = page["pagination"]["next_cursor"]
    assert shown == [row["id"] for row in found(suite, "party=example.com")["transactions"]]


def test_an_account_number_finds_both_sides(suite: Suite, numbers: dict[str, str]) -> None:
    for party in (numbers["bob"], numbers["bob"][-4:]):
        assert sides(suite, f"party={party}") == [("ada", "bob"), (None, "bob")]


def test_a_name_that_fits_too_many_people_is_400(
    suite: Suite, numbers: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transaction_service.names.name_logic.MAX_PARTIES", 2)
    assert "enter more" in found(suite, "party=example.com", 400)["details"]["party"]
    assert list(found(suite, "party=", 400)["details"]) == ["party"]


def test_a_count_of_transactions_takes_the_filters_of_the_list(suite: Suite, numbers: dict[str, str]) -> None:
    def count(query: str) -> int:
        answer = suite.call("transaction", "GET", f"/api/transactions/counts?{query}", suite.admin())
        return int(answer.get_json()["counts"]["transactions"])

    assert (count("type=deposit"), count("q=lunch"), count("status=failed")) == (3, 1, 0)
