"""Two employees remove a lost second factor on a page."""

import pytest

from tests.support.auth_rules import app_code
from tests.support.suite import PASSWORD, Person, Suite
from tests.support.visitor import Visitor, forms_of


def clerk(bank: Suite, username: str) -> Visitor:
    return bank.employee(username).visitor


@pytest.fixture(scope="module")
def clara(bank: Suite) -> Person:
    return bank.person("clara")


def test_one_asks_and_a_colleague_approves(bank: Suite, clara: Person) -> None:
    first, second = clerk(bank, "first"), clerk(bank, "second")
    place = f"/admin/customers/{clara.user_id}"
    page = f"{place}/second-factor"
    assert f'href="{page}"' in first.get(place).text
    assert "no second factor to remove" in first.get(page).text
    secret = bank.call("auth", "POST", "/api/auth/mfa/setup", clara, json={}).get_json()["secret"]
    enabled = bank.call("auth", "POST", "/api/auth/mfa/enable", clara, json={"otp": app_code(secret)})
    assert enabled.status_code == 200
    refused = first.submit(page, reason=" ")
    assert (refused.status_code, 'id="reason-error"' in refused.text) == (400, True)
    assert first.submit(page, reason="Lost the phone; passport shown").status_code == 303
    assert "a colleague has to approve it" in first.get(page).text
    assert not any(form.action.endswith("/approve") for form in forms_of(first.get(page)))
    assert "Lost the phone; passport shown" in second.get(page).text
    answer = second.submit(page, action=f"{page}/approve")
    assert (answer.status_code, answer.headers["Location"]) == (303, page)
    assert "no second factor to remove" in second.get(page).text
    login = {"username": "clara", "password": PASSWORD}
    assert bank.call("auth", "POST", "/api/auth/login", json=login).status_code == 200


def test_customers_find_no_such_page(bank: Suite, clara: Person) -> None:
    visitor = bank.visitor()
    visitor.register("mallory")
    assert visitor.get(f"/admin/customers/{clara.user_id}/second-factor").status_code == 403
