"""Calls of the endpoints that several test files use."""

from typing import Any

from werkzeug.test import TestResponse

from tests.support.suite import Person, Suite

DEPOSIT, WITHDRAW, TRANSFER = (f"/api/transactions/{name}" for name in ("deposit", "withdraw", "transfer"))


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
