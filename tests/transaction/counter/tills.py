"""Employees with tills, for the tests of the counter."""

from typing import Any

from werkzeug.test import TestResponse

from tests.support.suite import Suite
from tests.transaction.endpoints import get, post

CASH_IN, CASH_OUT, TILLS = (f"/api/transactions/{name}" for name in ("counter/deposit", "counter/withdraw", "tills"))


class Till:
    """An employee with an open till."""

    def __init__(self, bank: Suite, opening_cash: str = "100.00") -> None:
        self.bank, self.teller = bank, bank.employee()
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
