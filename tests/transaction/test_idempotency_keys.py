"""Payments with an Idempotency-Key: one effect and one response, however often the request comes."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.processes import eventually
from tests.support.suite import BankOptions, Person, Suite
from tests.transaction.endpoints import DEPOSIT, WITHDRAW, balance, get, post


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account", "transaction"), database)


def test_a_repeated_key_gets_the_first_response(bank: Suite, ada: Person) -> None:
    account = ada.open()
    body = {"account_id": account["id"], "amount": "7.00"}
    first, again = (post(bank, DEPOSIT, ada, "the-key", **body) for _ in range(2))
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert ("Idempotent-Replayed" in first.headers, again.headers["Idempotent-Replayed"]) == (False, "true")
    assert balance(bank, ada, account) == "7.00"
    other = post(bank, DEPOSIT, ada, "the-key", **{**body, "amount": "8.00"})
    assert (other.status_code, other.get_json()["error_code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    refused, refused_again = (post(bank, WITHDRAW, ada, "too-much", **{**body, "amount": "99"}) for _ in range(2))
    assert (refused_again.status_code, refused_again.data) == (refused.status_code, refused.data)
    assert refused_again.headers["Idempotent-Replayed"] == "true"


def test_concurrent_requests_with_one_key_move_the_money_once_and_get_the_same_response(
    bank: Suite, ada: Person
) -> None:
    account = ada.open("10.00")
    with ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda _: post(bank, WITHDRAW, ada, "at-once", account_id=account["id"], amount="1.00"), range(16))
        )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.get_json()["transaction"]["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 15
    assert balance(bank, ada, account) == "9.00"


def test_each_user_has_their_own_keys(bank: Suite, ada: Person, bob: Person) -> None:
    for person in (ada, bob):
        account = person.open()
        assert post(bank, DEPOSIT, person, "shared", account_id=account["id"], amount="1").status_code == 201
        assert balance(bank, person, account) == "1.00"


@pytest.mark.parametrize("key", ["", "a key", "x" * 256, "k\x7f"])
def test_an_invalid_key_is_refused(bank: Suite, ada: Person, key: str) -> None:
    account = ada.open()
    answer = post(bank, DEPOSIT, ada, key, account_id=account["id"], amount="1")
    assert (answer.status_code, list(answer.get_json()["details"])) == (400, ["Idempotency-Key"])


def test_a_key_is_known_after_a_restart(bank: Suite, ada: Person) -> None:
    account = ada.open()
    first = post(bank, DEPOSIT, ada, "before", account_id=account["id"], amount="3.00")
    bank.restart("transaction")
    again = post(bank, DEPOSIT, ada, "before", account_id=account["id"], amount="3.00")
    assert (again.status_code, again.data) == (first.status_code, first.data)
    assert balance(bank, ada, account) == "3.00"


def test_a_payment_is_pending_while_the_account_service_is_down_and_settles_afterwards(
    bank: Suite, ada: Person
) -> None:
    account = ada.open()
    bank.adapters["account"].down = True
    try:
        answer = post(bank, DEPOSIT, ada, "k", account_id=account["id"], amount="4.00")
    finally:
        bank.adapters["account"].down = False
    assert (answer.status_code, answer.get_json()["transaction"]["status"]) == (202, "pending")
    path = f"details/{answer.get_json()['transaction']['id']}"
    eventually(lambda: get(bank, path, ada)["transaction"]["status"] != "pending")
    assert get(bank, path, ada)["transaction"]["status"] == "completed"
    assert balance(bank, ada, account) == "4.00"
    replayed = post(bank, DEPOSIT, ada, "k", account_id=account["id"], amount="4.00")
    assert (replayed.status_code, replayed.headers["Idempotent-Replayed"]) == (201, "true")
