"""Calls of the endpoints that several test files use."""

from typing import Any

from werkzeug.test import TestResponse

from tests.support.suite import Person, Suite

DEPOSIT, WITHDRAW, TRANSFER = (f"/api/transactions/{name}" for name in ("deposit", "withdraw", "transfer"))


def open_account(bank: Suite, person: Person, balance: str | None = None) -> dict[str, Any]:
    body = {"account_type": "checking"}
    account: dict[str, Any] = bank.call("account", "POST", "/api/accounts/create", person, json=body).get_json()[
        "account"
    ]
    if balance:
        post(bank, DEPOSIT, person, account_id=account["id"], amount=balance)
    return account


def reverse(bank: Suite, admin: Person, transaction: dict[str, Any]) -> TestResponse:
    return bank.call("transaction", "POST", f"/api/transactions/reverse/{transaction['id']}", admin)


def post(bank: Suite, path: str, person: Person, key: str | None = None, **body: Any) -> TestResponse:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return bank.call("transaction", "POST", path, person, json=body, headers=headers)


def get(bank: Suite, path: str, person: Person) -> Any:
    answer = bank.call("transaction", "GET", f"/api/transactions/{path}", person)
    assert answer.status_code == 200, answer.text
    return answer.get_json()


def balance(bank: Suite, person: Person, account: dict[str, Any]) -> str:
    path = f"/api/accounts/details/{account['id']}"
    found: str = bank.call("account", "GET", path, person).get_json()["account"]["balance"]
    return found
