"""Employees with tills, for the tests of the counter."""

from typing import Any

from werkzeug.test import TestResponse

from tests.support.suite import PASSWORD, Person, Suite
from tests.transaction.endpoints import get, post

CASH_IN, CASH_OUT, TILLS = (f"/api/transactions/{name}" for name in ("counter/deposit", "counter/withdraw", "tills"))


def employed(bank: Suite, admin: Person, *permissions: str) -> Person:
    """Return a new employee, with only the given permissions if there are any."""
    person = bank.person()
    path = f"/api/auth/users/{person.user_id}"
    assert bank.call("auth", "PUT", path, admin, json={"role": "employee"}).status_code == 200
    if permissions:
        body = {"permissions": permissions}
        assert bank.call("auth", "PUT", f"{path}/permissions", admin, json=body).status_code == 200
    return bank.log_in(person.username, PASSWORD)


class Till:
    """An employee with an open till."""

    def __init__(self, bank: Suite, admin: Person, opening_cash: str = "100.00") -> None:
        self.bank, self.teller = bank, employed(bank, admin)
        answer = post(bank, TILLS, self.teller, **{"float": opening_cash})
        assert answer.status_code == 201, answer.text
        self.id: str = answer.get_json()["till"]["id"]

    def pay_in(self, account: dict[str, Any], amount: str, key: str | None = None) -> TestResponse:
        return post(self.bank, CASH_IN, self.teller, key, account_id=account["id"], amount=amount)

    def pay_out(self, account: dict[str, Any], amount: str, key: str | None = None) -> TestResponse:
        return post(self.bank, CASH_OUT, self.teller, key, account_id=account["id"], amount=amount)

    def cash(self) -> str:
        return str(get(self.bank, f"tills/{self.id}", self.teller)["till"]["expected_cash"])

    def close(self, counted: str) -> TestResponse:
        return post(self.bank, f"{TILLS}/{self.id}/close", self.teller, counted=counted)


def refusal(answer: TestResponse) -> tuple[int, str]:
    return answer.status_code, answer.get_json()["error_code"]
