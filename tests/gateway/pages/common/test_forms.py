"""A form that is sent to a page about nothing: 404, whatever the form says."""

import re
from typing import Any
from uuid import uuid4

from flask import Flask

from tests.support.suite import Person, Suite
from tests.support.visitor import Visitor, forms_of

FIELDS = {
    "status": "frozen",
    "reason": "The customer has asked for it",
    "text": "Called",
    "permission": "customers:read",
    "full_name": "Ada",
    "email": "ada@example.com",
    "idempotency_key": str(uuid4()),
}
"""Valid values for the fields of all forms whose page has an id in its path."""


def pages_with_an_id(app: Flask) -> list[str]:
    """Return the addresses of all pages that take a form and have an id in their path, with ids of nothing."""
    nothing = str(uuid4())
    addresses: list[Any] = [
        app.url_map.bind("localhost").build(rule.endpoint, dict.fromkeys(rule.arguments, nothing), method="POST")
        for rule in app.url_map.iter_rules()
        if rule.arguments and "POST" in (rule.methods or ()) and not rule.rule.startswith(("/api", "/static"))
    ]
    return addresses


def test_a_page_about_nothing_is_404_for_every_form(bank: Suite, admin: Visitor) -> None:
    ada, token = bank.person().visitor, {}
    for visitor in (ada, admin):
        token[visitor] = forms_of(visitor.get("/settings"))[0].fields["csrf_token"]
    addresses = pages_with_an_id(bank.apps["gateway"])
    assert len(addresses) > 15
    for address in addresses:
        visitor = admin if address.startswith("/admin") else ada
        other = {"status": "disabled"} if address.startswith("/admin/users/") else {}
        answer = visitor.post(address, {**FIELDS, **other, "csrf_token": token[visitor]})
        assert (address, answer.status_code) == (address, 404)


def test_only_fields_that_may_be_left_empty_are_marked_optional(bank: Suite) -> None:
    page = bank.person().visitor.get("/reports/custom/create").text
    marked = re.findall(r'<label class="form-label" for="(\w+)">[^<]+</label> <span class="optional">', page)
    assert marked == ["start_date", "end_date"]


def test_a_payee_that_does_not_exist_is_explained_in_the_form(bank: Suite) -> None:
    ada: Person = bank.person()
    account = ada.open("5.00")
    answer = ada.visitor.submit(
        "/transactions/transfer", from_account_id=account["id"], to_account_number="1000000008", amount="1.00"
    )
    assert (answer.status_code, "There is no account with that number" in answer.text) == (400, True)
