"""The payment endpoints of the transaction service, over the real services."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.support.suite import BankOptions, Person, Suite
from tests.transaction.endpoints import DEPOSIT, TRANSFER, WITHDRAW, balance, get, post


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account", "transaction"), database)


def test_a_deposit_and_transfers_show_the_balance_afterwards_to_its_owner(
    bank: Suite, ada: Person, bob: Person
) -> None:
    first, second, bobs = ada.open(), ada.open(), bob.open()
    deposited = post(bank, DEPOSIT, ada, account_id=first["id"], amount="100.00", description="a start")
    assert deposited.status_code == 201
    expected = {"transaction_type": "deposit", "amount": "100.00", "currency": "USD", "status": "completed"}
    transaction = deposited.get_json()["transaction"]
    assert transaction == {**transaction, **expected, "account_id": first["id"], "balance_after": "100.00"}
    to_own = post(bank, TRANSFER, ada, from_account_id=first["id"], to_account_id=second["id"], amount=25.00)
    assert to_own.get_json()["transaction"]["balance_after"] is None
    to_bob = post(bank, TRANSFER, ada, from_account_id=first["id"], to_account_number=bobs["account_number"], amount=10)
    transaction = to_bob.get_json()["transaction"]
    assert (transaction["to_account_id"], transaction["to_account_number"]) == (
        None,
        "••••" + bobs["account_number"][-4:],
    )
    assert transaction["balance_after"] == "65.00"
    assert [balance(bank, ada, first), balance(bank, ada, second), balance(bank, bob, bobs)] == [
        "65.00",
        "25.00",
        "10.00",
    ]
    (seen,) = get(bank, f"account/{bobs['id']}", bob)["transactions"]
    assert (seen["id"], seen["from_account_id"], seen["balance_after"]) == (transaction["id"], None, "10.00")


@pytest.mark.parametrize(
    "amount",
    [
        "0",
        "0.00",
        "-1",
        "1.001",
        "10000000000.01",
        "NaN",
        "Infinity",
        "1e3",
        "",
        " 1",
        "1,00",
        "٣",
        True,
        None,
        [1],
        {},
    ],
)
def test_an_invalid_amount_is_refused_and_changes_nothing(bank: Suite, ada: Person, amount: Any) -> None:
    account = ada.open()
    answer = post(bank, DEPOSIT, ada, account_id=account["id"], amount=amount)
    assert (answer.status_code, list(answer.get_json()["details"])) == (400, ["amount"])
    assert balance(bank, ada, account) == "0.00"


@pytest.mark.parametrize("raw", ["1e3", "NaN", "Infinity", "-Infinity", "1E2", "-1", "0", "0.001", "1e400"])
def test_a_json_number_that_is_no_valid_amount_is_refused(bank: Suite, ada: Person, raw: str) -> None:
    account = ada.open()
    data = f'{{"account_id": "{account["id"]}", "amount": {raw}}}'
    answer = bank.call("transaction", "POST", DEPOSIT, ada, data=data, content_type="application/json")
    assert answer.status_code == 400
    assert balance(bank, ada, account) == "0.00"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ('{"amount": 1, "amount": 2}', 400),
        ("[]", 400),
        ("null", 400),
        ("", 400),
        ("{", 400),
        ("\xff", 400),
        ('{"account_id": "x", "amount": 1}', 400),
    ],
)
def test_a_body_that_is_no_valid_object_is_refused(bank: Suite, ada: Person, body: str, status: int) -> None:
    answer = bank.call(
        "transaction", "POST", DEPOSIT, ada, data=body.encode("latin-1"), content_type="application/json"
    )
    assert answer.status_code == status
    assert set(answer.get_json()) == {"success", "message", "error_code", "details"}


def test_numbers_are_read_exactly(bank: Suite, ada: Person) -> None:
    account = ada.open()
    for raw in ("0.1", "0.2", "4503599627.37"):
        data = f'{{"account_id": "{account["id"]}", "amount": {raw}}}'
        bank.call("transaction", "POST", DEPOSIT, ada, data=data, content_type="application/json")
    assert balance(bank, ada, account) == "4503599627.67"


def test_each_rule_refuses_with_its_own_code(bank: Suite, ada: Person, bob: Person) -> None:
    account, other, bobs = ada.open("5.00"), ada.open(), bob.open()
    refusals = [
        post(bank, WITHDRAW, ada, account_id=account["id"], amount="5.01"),
        post(bank, TRANSFER, ada, from_account_id=account["id"], to_account_id=account["id"], amount="1"),
        post(bank, WITHDRAW, ada, account_id=bobs["id"], amount="1"),
        post(bank, DEPOSIT, ada, account_id=bobs["id"], amount="1"),
        post(bank, TRANSFER, ada, from_account_id=bobs["id"], to_account_id=account["id"], amount="1"),
        post(bank, TRANSFER, ada, from_account_id=account["id"], to_account_id=str(uuid4()), amount="1"),
        post(bank, TRANSFER, ada, from_account_id=account["id"], to_account_number="1000000008", amount="1"),
        post(bank, TRANSFER, ada, from_account_id=account["id"], to_account_number="1000000009", amount="1"),
        post(bank, TRANSFER, ada, from_account_id=account["id"], amount="1"),
    ]
    assert [(answer.status_code, answer.get_json()["error_code"]) for answer in refusals] == [
        (400, "INSUFFICIENT_FUNDS"),
        (400, "SAME_ACCOUNT"),
        (404, "NOT_FOUND"),
        (404, "NOT_FOUND"),
        (404, "NOT_FOUND"),
        (404, "NOT_FOUND"),
        (404, "NOT_FOUND"),
        (400, "INVALID_REQUEST"),
        (400, "INVALID_REQUEST"),
    ]
    assert [balance(bank, ada, account), balance(bank, ada, other)] == ["5.00", "0.00"]
    failed = get(bank, "list?status=failed&limit=1", ada)["transactions"][0]
    assert failed["failure_code"] == "NOT_FOUND"


def test_ten_of_forty_concurrent_withdrawals_of_1_00_from_10_00_succeed(bank: Suite, ada: Person) -> None:
    account = ada.open("10.00")
    with ThreadPoolExecutor(40) as pool:
        answers = pool.map(
            lambda _: post(bank, WITHDRAW, ada, account_id=account["id"], amount="1.00").status_code, range(40)
        )
    assert Counter(answers) == {201: 10, 400: 30}
    assert balance(bank, ada, account) == "0.00"


def test_no_user_may_call_the_internal_endpoint(bank: Suite, admin: Person) -> None:
    assert bank.call("transaction", "GET", "/internal/statistics").status_code == 401
    assert bank.call("transaction", "GET", "/internal/statistics", admin).status_code == 403
