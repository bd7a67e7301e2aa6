"""The page on which an admin chooses what an employee may do."""

import pytest

from auth_service.permissions.permission_schemas import PERMISSIONS
from tests.support.suite import PASSWORD, BankOptions, Person, Suite
from tests.support.visitor import Visitor


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(("auth", "account", "gateway"))


@pytest.fixture
def employee(bank: Suite) -> Person:
    return bank.employee()


def test_an_admin_chooses_and_the_employee_is_refused_the_rest(bank: Suite, admin: Visitor, employee: Person) -> None:
    path = f"/admin/users/{employee.user_id}/permissions"
    assert path in admin.get(f"/admin/users/{employee.user_id}").text
    assert admin.get(path).text.count(" checked") == len(PERMISSIONS)
    answer = admin.submit(path, permission="accounts:open", reason="A trainee")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/admin/users/{employee.user_id}")
    assert admin.get(path).text.count(" checked") == 1
    browser = bank.visitor()
    assert browser.log_in(employee.username, PASSWORD).status_code == 303
    assert browser.get("/admin/accounts").status_code == 403
    assert browser.get("/admin").status_code == 200


def test_all_permissions_can_be_removed(admin: Visitor, employee: Person) -> None:
    path = f"/admin/users/{employee.user_id}/permissions"
    assert admin.post(path, _token_of(admin, path), Referer=f"http://localhost{path}").status_code == 303
    assert admin.get(path).text.count(" checked") == 0


def test_a_permission_that_does_not_exist_is_refused(admin: Visitor, employee: Person) -> None:
    path = f"/admin/users/{employee.user_id}/permissions"
    assert admin.submit(path, permission="everything", reason="A test").status_code == 400


def test_of_a_customer_there_is_nothing_to_choose(bank: Suite, admin: Visitor) -> None:
    assert admin.get(f"/admin/users/{bank.person().user_id}/permissions").status_code == 409


def _token_of(visitor: Visitor, path: str) -> dict[str, str]:
    from tests.support.visitor import forms_of

    form = next(form for form in forms_of(visitor.get(path)) if "csrf_token" in form.fields and not form.action)
    return {"csrf_token": form.fields["csrf_token"], "reason": "A trainee"}
