"""Permissions of employees: what each allows, who chooses them, and when they count."""

import pytest

from tests.support.asking import NOBODY, call, refusal
from tests.support.suite import BankOptions, Person, Suite

ALL = [
    "accounts:close",
    "accounts:freeze",
    "accounts:open",
    "approvals:decide",
    "cases:answer",
    "counter:deposit",
    "counter:withdraw",
    "customers:read",
    "customers:verify",
    "customers:write",
]

ALLOWED = {200, 201, 400, 404, 409}
"""Done, or refused by a rule: ada has no second factor that could be removed, and nobody has a till."""


@pytest.fixture(scope="module")
def bank_options(database: str) -> BankOptions:
    return BankOptions(("auth", "account", "transaction"), database)


@pytest.fixture
def employee(bank: Suite) -> Person:
    return bank.employee()


@pytest.fixture(scope="module")
def account(ada: Person) -> str:
    return str(ada.open()["id"])


def grant(bank: Suite, admin: Person, employee: Person, *permissions: str) -> Person:
    """Choose the permissions of an employee, and log the employee in again."""
    body = {"permissions": list(permissions)}
    answer = call(bank, "PUT", f"users/{employee.user_id}/permissions", admin, json=body)
    assert answer.status_code == 200, answer.text
    return bank.log_in(employee.username)


def cash(bank: Suite, kind: str, employee: Person, account: str) -> int:
    body = {"account_id": account, "amount": "1.00"}
    return bank.call("transaction", "POST", f"/api/transactions/counter/{kind}", employee, json=body).status_code


def attempts(bank: Suite, employee: Person, ada: Person, account: str) -> dict[str, set[int]]:
    """Return the statuses of what each permission allows."""
    freeze, verify = {"status": "active", "reason": "A check"}, {"state": "none", "reason": "A check"}
    customer = f"customers/{ada.user_id}"
    return {
        "customers:read": {
            call(bank, "GET", f"users/lookup?user_id={ada.user_id}", employee).status_code,
            call(bank, "GET", customer, employee).status_code,
            bank.call("account", "GET", "/api/accounts/all", employee).status_code,
            bank.call("transaction", "GET", "/api/transactions/all", employee).status_code,
        },
        "approvals:decide": {
            call(
                bank,
                "POST",
                f"customers/{ada.user_id}/second_factor_removal/decision",
                employee,
                json={"decision": "refuse"},
            ).status_code
        },
        "customers:verify": {call(bank, "PUT", f"{customer}/identity", employee, json=verify).status_code},
        "customers:write": {call(bank, "POST", f"customers/{ada.user_id}/unlock", employee).status_code},
        "counter:deposit": {cash(bank, "deposit", employee, account)},
        "counter:withdraw": {cash(bank, "withdraw", employee, account)},
        "cases:answer": {call(bank, "GET", "cases/all", employee).status_code},
        "accounts:open": {
            bank.call(
                "account", "POST", f"/api/accounts/user/{ada.user_id}", employee, json={"account_type": "savings"}
            ).status_code
        },
        "accounts:close": {
            bank.call(
                "account", "POST", f"/api/accounts/close/{account}", employee, json={"reason": "A check"}
            ).status_code
        },
        "accounts:freeze": {
            bank.call("account", "PUT", f"/api/accounts/update/{account}", employee, json=freeze).status_code
        },
    }


def test_an_employee_has_all_permissions_from_the_beginning(
    bank: Suite, admin: Person, ada: Person, employee: Person, account: str
) -> None:
    answer = call(bank, "GET", f"users/{employee.user_id}/permissions", admin).get_json()
    assert (answer["permissions"], answer["available"]) == (ALL, ALL)
    assert set().union(*attempts(bank, employee, ada, account).values()) <= ALLOWED


@pytest.mark.parametrize("permission", ALL)
def test_each_permission_allows_its_own_and_nothing_else(
    bank: Suite, admin: Person, ada: Person, employee: Person, account: str, permission: str
) -> None:
    limited = grant(bank, admin, employee, permission)
    for name, statuses in attempts(bank, limited, ada, account).items():
        assert statuses <= (ALLOWED if name == permission else {403}), name
    details = bank.call("account", "GET", f"/api/accounts/details/{account}", limited)
    assert details.status_code == (200 if permission == "customers:read" else 404)


def test_a_change_ends_the_sessions_and_is_audited(bank: Suite, admin: Person, employee: Person) -> None:
    grant(bank, admin, employee)
    assert refusal(call(bank, "GET", "verify_token", employee)) == (401, "INVALID_TOKEN")
    query = f"audit?action=user.permissions_change&user_id={employee.user_id}"
    (entry,) = call(bank, "GET", query, admin).get_json()["audit"]
    assert entry["details"] == {"from": ALL, "to": []}


def test_a_new_role_begins_with_all_permissions(bank: Suite, admin: Person, employee: Person) -> None:
    grant(bank, admin, employee, "customers:read")
    for role in ("customer", "employee"):
        call(bank, "PUT", f"users/{employee.user_id}", admin, json={"role": role})
    answer = call(bank, "GET", f"users/{employee.user_id}/permissions", admin).get_json()
    assert answer["permissions"] == ALL


def test_a_refresh_keeps_the_permissions(bank: Suite, admin: Person, employee: Person) -> None:
    limited = grant(bank, admin, employee, "accounts:open")
    body = {"refresh_token": limited.refresh_token}
    token = call(bank, "POST", "refresh", json=body).get_json()["token"]
    renewed = limited.with_token(token)
    assert bank.call("account", "GET", "/api/accounts/all", renewed).status_code == 403


def test_only_admins_choose_and_only_employees_permissions(
    bank: Suite, admin: Person, ada: Person, employee: Person
) -> None:
    path = f"users/{employee.user_id}/permissions"
    for person in (ada, employee):
        assert refusal(call(bank, "GET", path, person)) == (403, "FORBIDDEN")
        assert refusal(call(bank, "PUT", path, person, json={"permissions": ALL})) == (403, "FORBIDDEN")
    for somebody in (ada, admin):
        answer = call(bank, "PUT", f"users/{somebody.user_id}/permissions", admin, json={"permissions": []})
        assert refusal(answer) == (409, "NOT_AN_EMPLOYEE")
    assert refusal(call(bank, "GET", f"users/{NOBODY}/permissions", admin)) == (404, "NOT_FOUND")


@pytest.mark.parametrize("body", [{}, {"permissions": "customers:read"}, {"permissions": ["all"]}, {"permission": []}])
def test_a_body_that_is_not_valid_is_400(bank: Suite, admin: Person, employee: Person, body: dict[str, object]) -> None:
    answer = call(bank, "PUT", f"users/{employee.user_id}/permissions", admin, json=body)
    assert refusal(answer) == (400, "INVALID_REQUEST")
