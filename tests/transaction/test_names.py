"""The names of the holders beside the accounts of a transaction."""

from typing import Any

import pytest

from tests.support.suite import BankOptions, Person, Suite
from tests.transaction.endpoints import TRANSFER, get, open_account, post


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account", "transaction"), database)


def named(bank: Suite, full_name: str) -> Person:
    person = bank.person()
    rename(bank, person, full_name)
    return person


def rename(bank: Suite, person: Person, full_name: str) -> None:
    answer = bank.call("auth", "PUT", "/api/auth/users/profile", person, json={"full_name": full_name})
    assert answer.status_code == 200


@pytest.fixture(scope="module")
def paid(bank: Suite) -> tuple[Person, Person, dict[str, Any]]:
    """Ada, Ben and a transfer from Ada to Ben."""
    ada, ben = named(bank, "Ada Martin"), named(bank, "Ben Okafor")
    source, target = open_account(bank, ada, "9.00"), open_account(bank, ben)
    made = post(bank, TRANSFER, ada, from_account_id=source["id"], to_account_id=target["id"], amount="3")
    return ada, ben, made.get_json()["transaction"]


def names_in(answer: Any) -> list[tuple[str | None, str | None]]:
    rows = answer["transactions"] if "transactions" in answer else [answer["transaction"]]
    return [(row["from_name"], row["to_name"]) for row in rows if row["transaction_type"] == "transfer"]


def test_a_customer_sees_the_other_name_masked_in_every_list_and_the_details(
    bank: Suite, paid: tuple[Person, Person, dict[str, Any]]
) -> None:
    ada, ben, made = paid
    account = made["from_account_id"]
    for path in ("list", "recent", f"account/{account}", f"details/{made['id']}"):
        assert names_in(get(bank, path, ada)) == [(None, "B•• O•••••")], path
    assert names_in(get(bank, "list", ben)) == [("A•• M•••••", None)]


def test_staff_see_whole_names_of_both_and_of_the_holder_of_a_deposit(
    bank: Suite, paid: tuple[Person, Person, dict[str, Any]]
) -> None:
    ada, _, made = paid
    admin = bank.admin()
    assert names_in(get(bank, f"details/{made['id']}", admin)) == [("Ada Martin", "Ben Okafor")]
    assert names_in(get(bank, "all?type=transfer", admin)) == [("Ada Martin", "Ben Okafor")]
    (deposit,) = get(bank, f"user/{ada.user_id}?type=deposit", admin)["transactions"]
    assert (deposit["from_name"], deposit["to_name"]) == (None, "Ada Martin")


def test_a_changed_name_shows_at_once_and_without_one_the_username(
    bank: Suite, paid: tuple[Person, Person, dict[str, Any]]
) -> None:
    ada, ben, made = paid
    rename(bank, ben, "Benedict Okafor")
    assert names_in(get(bank, f"details/{made['id']}", ada)) == [(None, "B••••••• O•••••")]
    bank.call("auth", "PUT", "/api/auth/users/profile", ben, json={"full_name": None})
    assert names_in(get(bank, f"details/{made['id']}", bank.admin())) == [("Ada Martin", ben.username)]
    rename(bank, ben, "Ben Okafor")


def test_without_the_auth_service_the_list_comes_without_names(
    bank: Suite, paid: tuple[Person, Person, dict[str, Any]]
) -> None:
    ada, _, _ = paid
    bank.adapters["auth"].down = True
    try:
        assert names_in(get(bank, "list", ada)) == [(None, None)]
    finally:
        bank.adapters["auth"].down = False


def test_a_page_of_one_s_own_money_asks_for_no_names(bank: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    person = bank.person()
    open_account(bank, person, "9.00")
    client = bank.apps["transaction"].extensions["tools"].names
    asked: list[int] = []
    find = type(client).find

    def counted(self: Any, user_ids: set[str]) -> dict[str, str]:
        asked.append(len(user_ids))
        found: dict[str, str] = find(self, user_ids)
        return found

    monkeypatch.setattr(type(client), "find", counted)
    get(bank, "list", person)
    assert asked == [0]


def test_the_largest_page_has_all_its_names(bank: Suite) -> None:
    person = bank.person()
    own = open_account(bank, person, "100.00")
    payees = [bank.person() for _ in range(12)]
    for payee in payees:
        target = open_account(bank, payee)
        post(bank, TRANSFER, person, from_account_id=own["id"], to_account_id=target["id"], amount="1")
    found = get(bank, "list?limit=200&type=transfer", person)["transactions"]
    assert [row["to_name"][0] for row in found] == [payee.username[0] for payee in reversed(payees)]
