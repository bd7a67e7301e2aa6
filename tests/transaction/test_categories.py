"""Categories: each customer's own, kept through rebuilds, summed up with reversals."""

from typing import Any
from uuid import uuid4

import pytest
from werkzeug.test import TestResponse

from tests.support.suite import BankOptions, Person, Suite
from tests.transaction.endpoints import DEPOSIT, TRANSFER, WITHDRAW, get, post, reverse


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account", "transaction"), database)


def choose(bank: Suite, person: Person, transaction: dict[str, Any], category: object) -> TestResponse:
    path = f"/api/transactions/{transaction['id']}/category"
    return bank.call("transaction", "PUT", path, person, json={"category": category})


def category_of(bank: Suite, person: Person, transaction: dict[str, Any]) -> Any:
    return get(bank, f"details/{transaction['id']}", person)["transaction"]["category"]


def by_category(bank: Suite, person: Person, account: dict[str, Any]) -> Any:
    return get(bank, f"statistics?account_id={account['id']}", person)["statistics"]["by_category"]


def listed(bank: Suite, person: Person, query: str) -> list[str]:
    return [row["id"] for row in get(bank, f"list?{query}", person)["transactions"]]


def withdraw(bank: Suite, person: Person, account: dict[str, Any], amount: str) -> dict[str, Any]:
    made: dict[str, Any] = post(bank, WITHDRAW, person, account_id=account["id"], amount=amount).get_json()
    return dict(made["transaction"])


def test_a_category_is_chosen_changed_and_removed(bank: Suite, ada: Person) -> None:
    account = ada.open("100.00")
    paid = withdraw(bank, ada, account, "10.00")
    assert category_of(bank, ada, paid) is None
    for category in ("groceries", "travel", None):
        answer = choose(bank, ada, paid, category)
        assert (answer.status_code, answer.get_json()["category"]) == (200, category)
        assert category_of(bank, ada, paid) == category
    assert choose(bank, ada, paid, None).status_code == 200


def test_each_side_of_a_transfer_has_its_own_category(bank: Suite, ada: Person, bob: Person) -> None:
    source, target = ada.open("50.00"), bob.open()
    body = {"from_account_id": source["id"], "to_account_id": target["id"], "amount": "50.00"}
    paid = post(bank, TRANSFER, ada, **body).get_json()["transaction"]
    assert choose(bank, ada, paid, "housing").status_code == choose(bank, bob, paid, "income").status_code == 200
    assert (category_of(bank, ada, paid), category_of(bank, bob, paid)) == ("housing", "income")
    assert by_category(bank, bob, target) == {"income": {"count": 1, "income": "50.00", "expense": "0.00"}}
    assert by_category(bank, ada, source) == {
        "housing": {"count": 1, "income": "0.00", "expense": "50.00"},
        "uncategorised": {"count": 1, "income": "50.00", "expense": "0.00"},
    }


def test_lists_are_filtered_by_category(bank: Suite, ada: Person) -> None:
    account = ada.open("100.00")
    first, second = (withdraw(bank, ada, account, "1.00") for _ in range(2))
    choose(bank, ada, first, "leisure")
    here = f"account_id={account['id']}"
    assert listed(bank, ada, f"{here}&category=leisure") == [first["id"]]
    assert second["id"] in listed(bank, ada, f"{here}&category=uncategorised")
    assert first["id"] not in listed(bank, ada, f"{here}&category=uncategorised")
    of_account = get(bank, f"account/{account['id']}?category=leisure", ada)["transactions"]
    assert [(row["id"], row["category"]) for row in of_account] == [(first["id"], "leisure")]


def test_a_reversal_lowers_the_sums_of_the_category_of_what_it_reverses(
    bank: Suite, ada: Person, admin: Person
) -> None:
    account = ada.open("100.00")
    paid = withdraw(bank, ada, account, "30.00")
    choose(bank, ada, paid, "shopping")
    reversal = reverse(bank, admin, paid).get_json()["transaction"]
    assert category_of(bank, ada, reversal) == "shopping"
    assert by_category(bank, ada, account)["shopping"] == {"count": 2, "income": "0.00", "expense": "0.00"}
    assert set(listed(bank, ada, f"account_id={account['id']}&category=shopping")) == {paid["id"], reversal["id"]}
    choose(bank, ada, reversal, "other")
    assert by_category(bank, ada, account)["other"] == {"count": 1, "income": "0.00", "expense": "-30.00"}
    assert category_of(bank, ada, paid) == "shopping"


def test_a_transfer_between_own_accounts_is_neither_income_nor_expense(bank: Suite, bob: Person) -> None:
    source, target = bob.open("50.00"), bob.open()
    body = {"from_account_id": source["id"], "to_account_id": target["id"], "amount": "20.00"}
    paid = post(bank, TRANSFER, bob, **body).get_json()["transaction"]
    choose(bank, bob, paid, "savings")
    of_all = get(bank, "statistics", bob)["statistics"]
    assert of_all["by_category"]["savings"] == {"count": 1, "income": "0.00", "expense": "0.00"}
    assert sum(sums["count"] for sums in of_all["by_category"].values()) == of_all["count"]
    assert by_category(bank, bob, source)["savings"]["expense"] == "20.00"
    assert by_category(bank, bob, target)["savings"]["income"] == "20.00"
    both = f"statistics?account_ids={source['id']},{target['id']}"
    assert get(bank, both, bob)["statistics"]["by_category"]["savings"]["expense"] == "0.00"
    deposits = get(bank, "statistics?types=deposit", bob)["statistics"]["by_category"]
    assert "savings" not in deposits


@pytest.mark.parametrize("body", [{}, {"category": "rent"}, {"category": ""}, {"category": 1}, {"category": "Other"}])
def test_an_unknown_category_is_refused_with_its_field(bank: Suite, ada: Person, body: dict[str, object]) -> None:
    account = ada.open()
    paid = post(bank, DEPOSIT, ada, account_id=account["id"], amount="1.00").get_json()["transaction"]
    answer = bank.call("transaction", "PUT", f"/api/transactions/{paid['id']}/category", ada, json=body)
    assert (answer.status_code, list(answer.get_json()["details"])) == (400, ["category"])
    answer = bank.call("transaction", "GET", "/api/transactions/list?category=rent", ada)
    assert (answer.status_code, list(answer.get_json()["details"])) == (400, ["category"])


def test_only_who_owns_a_side_chooses_a_category(bank: Suite, ada: Person, bob: Person, admin: Person) -> None:
    account = ada.open()
    paid = post(bank, DEPOSIT, ada, account_id=account["id"], amount="1.00").get_json()["transaction"]
    unknown = choose(bank, bob, {"id": str(uuid4())}, "other")
    for person in (bob, admin):
        foreign = choose(bank, person, paid, "other")
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json == unknown.json
    assert category_of(bank, admin, paid) is None


def test_a_failed_payment_has_no_category(bank: Suite, ada: Person) -> None:
    account = ada.open()
    refused = post(bank, WITHDRAW, ada, account_id=account["id"], amount="1.00")
    assert refused.status_code == 400
    (failed,) = get(bank, f"account/{account['id']}", ada)["transactions"]
    answer = choose(bank, ada, failed, "other")
    assert (answer.status_code, answer.get_json()["error_code"]) == (400, "NOT_COMPLETED")


def test_money_paid_out_of_suspense_has_the_category_of_the_payment(bank: Suite, ada: Person, admin: Person) -> None:
    account, other = ada.open("30.00"), ada.open()
    paid = withdraw(bank, ada, account, "30.00")
    choose(bank, ada, paid, "health")
    bank.call("account", "DELETE", f"/api/accounts/close/{account['id']}", ada)
    path = f"/api/transactions/reverse/{paid['id']}"
    held = bank.call("transaction", "POST", path, admin, json={"to_suspense": True}).get_json()["transaction"]
    path = f"/api/transactions/pay_out/{held['id']}"
    back = bank.call("transaction", "POST", path, admin, json={"to_account_id": other["id"]}).get_json()["transaction"]
    assert category_of(bank, ada, back) == "health"
    assert listed(bank, ada, "category=health") == [back["id"], paid["id"]]
    assert by_category(bank, ada, other) == {"health": {"count": 1, "income": "0.00", "expense": "-30.00"}}
