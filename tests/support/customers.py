"""Customers with a browser session and accounts, for tests of pages."""

from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from tests.support.suite import PASSWORD, Person, Suite
from tests.support.visitor import PageForm, Visitor, forms_of


@dataclass(frozen=True)
class Customer:
    """A customer with a browser (`visitor`) for the tested pages, and the API to prepare data."""

    suite: Suite
    person: Person
    visitor: Visitor

    def open(self, deposit: str | None = None, account_type: str = "checking", **fields: str) -> dict[str, Any]:
        """Open an account, optionally with a deposit, and return it with its unmasked number."""
        body = {"account_type": account_type, **fields}
        account: dict[str, Any] = self._ask("account", "POST", "/api/accounts/create", 201, json=body)["account"]
        if deposit:
            self.pay("deposit", account_id=account["id"], amount=deposit)
        return account

    def pay(self, kind: str, status: int = 201, **body: str) -> dict[str, Any]:
        """Make a payment and return the response."""
        return self._ask("transaction", "POST", f"/api/transactions/{kind}", status, json=body)

    def balance(self, account: dict[str, Any]) -> str:
        """Return the balance of an account."""
        found = self._ask("account", "GET", f"/api/accounts/details/{account['id']}", 200)
        return str(found["account"]["balance"])

    def transactions(self) -> list[dict[str, Any]]:
        """Return the customer's transactions, newest first."""
        found: list[dict[str, Any]] = self._ask("transaction", "GET", "/api/transactions/list", 200)["transactions"]
        return found

    def _ask(self, service: str, method: str, path: str, status: int, **options: Any) -> dict[str, Any]:
        answer = self.suite.call(service, method, path, self.person, **options)
        assert answer.status_code == status, answer.text
        body: dict[str, Any] = answer.get_json()
        return body


def customer(suite: Suite, username: str | None = None, person: Person | None = None) -> Customer:
    """Return a new customer who is logged in, or log in `person`."""
    person = person or suite.person(username)
    visitor = Visitor(suite.apps["gateway"])
    assert visitor.log_in(person.username, PASSWORD).status_code == 303
    return Customer(suite, person, visitor)


def form_with(page: TestResponse, **fields: str) -> PageForm:
    """Return the first form of a page in which the given fields have the given values."""
    return next(form for form in forms_of(page) if fields.items() <= form.fields.items())
