"""Admins find people, disable and unlock them, and change their roles and permissions."""

import re

import pytest
from werkzeug.test import TestResponse

from api_gateway.pages.staff.people import OTHER_REASON
from auth_service.permissions.permission_schemas import PERMISSIONS
from tests.support.suite import PASSWORD, BankOptions, Person, Suite
from tests.support.visitor import Visitor


@pytest.fixture(scope="module")
def bank_options() -> BankOptions:
    return BankOptions(("auth", "account", "gateway"))


@pytest.fixture
def employee(bank: Suite) -> Person:
    return bank.employee()


def set_status(admin: Visitor, user_id: str, status: str, reason: str = "Has left") -> TestResponse:
    return admin.submit(f"/admin/users/{user_id}", status=status, reason=reason)


def set_role(admin: Visitor, user_id: str, role: str, reason: str = "Joins the desk") -> TestResponse:
    page = f"/admin/users/{user_id}"
    return admin.submit(page, action=f"{page}/role", role=role, reason=reason)


def test_users_can_be_searched(bank: Suite, admin: Visitor) -> None:
    person = bank.person()
    page = admin.get(f"/admin/users?q={person.username}&role=customer").text
    assert f"{person.username}@example.com" in page
    assert "admin@" not in page
    assert "No matches" in admin.get("/admin/users?q=nobody-of-that-name").text


def test_a_person_is_disabled_and_enabled_on_their_page_with_a_reason(admin: Visitor, bank: Suite) -> None:
    person = bank.person("eve")
    place = f"/admin/users/{person.user_id}"
    confirmation = admin.submit("/admin/users?q=eve", action=f"{place}?back=%2Fadmin%2Fusers%3Fq%3Deve")
    assert (confirmation.status_code, "Confirm disabling<" in confirmation.text) == (200, True)
    assert "Confirm disabling<" in admin.get(place).text, "the button of the list changes nothing by itself"
    assert set_status(admin, person.user_id, "disabled", OTHER_REASON).status_code == 400
    answer = set_status(admin, person.user_id, "disabled")
    assert (answer.status_code, answer.headers["Location"]) == (303, place)
    page = admin.get(answer.headers["Location"]).text
    assert "eve is disabled." in page
    assert "Confirm enabling<" in page
    assert bank.visitor().log_in("eve").status_code == 400
    query = f"/api/auth/audit?action=user.status_change&user_id={person.user_id}"
    (entry,) = bank.call("auth", "GET", query, bank.admin()).get_json()["audit"]
    assert entry["details"]["reason"] == "Has left"
    assert set_status(admin, person.user_id, "active").status_code == 303
    assert bank.visitor().log_in("eve").status_code == 303


def test_the_list_of_people_says_what_each_role_may_do(admin: Visitor) -> None:
    page = admin.get("/admin/users").text
    assert "What each role may do" in page
    assert "Freeze and unfreeze accounts" in page


def test_a_locked_user_can_be_unlocked(admin: Visitor, bank: Suite) -> None:
    person = bank.person("locked")
    place = f"/admin/users/{person.user_id}"
    assert "unlocking" not in admin.get(place).text
    for _ in range(5):
        bank.visitor().log_in("locked", "not the password")
    assert bank.visitor().log_in("locked").status_code == 429
    assert ">Locked<" in admin.get("/admin/users?q=locked").text
    assert "Confirm unlocking" in admin.get(place).text
    assert ">Unlock<" in admin.get("/admin/users?q=locked").text
    assert set_status(admin, person.user_id, "active").status_code == 303
    assert "unlocking" not in admin.get(place).text
    assert bank.visitor().log_in("locked").status_code == 303


def test_a_role_is_changed_on_the_page_of_the_person_with_a_reason(admin: Visitor, bank: Suite) -> None:
    person = bank.person("max")
    assert 'name="role"' not in admin.get("/admin/users?q=max").text.partition("<table")[2]
    answer = set_role(admin, person.user_id, "employee")
    assert answer.headers["Location"] == f"/admin/users/{person.user_id}"
    page = admin.get(answer.headers["Location"]).text
    assert "max is now an employee." in page
    assert "Freeze and unfreeze accounts" in page
    query = f"/api/auth/audit?action=user.role_change&user_id={person.user_id}"
    (entry,) = bank.call("auth", "GET", query, bank.admin()).get_json()["audit"]
    assert entry["details"]["reason"] == "Joins the desk"


def test_a_role_without_a_reason_stays(admin: Visitor, bank: Suite) -> None:
    person = bank.person("nora")
    page = set_role(admin, person.user_id, "employee", "")
    assert page.status_code == 400
    assert "Enter the reason." in page.text
    assert "Role</dt><dd>Customer" in admin.get(f"/admin/users/{person.user_id}").text


def test_the_page_of_a_person_leads_back_to_the_filtered_list(admin: Visitor, bank: Suite) -> None:
    person = bank.person("olga")
    listed = admin.get("/admin/users?q=olga&role=customer").text
    (address,) = re.findall(rf'href="(/admin/users/{person.user_id}[^"]*)"', listed)
    assert 'href="/admin/users?q=olga&amp;role=customer"' in admin.get(address.replace("&amp;", "&")).text


def test_the_last_admin_can_not_be_disabled(admin: Visitor, bank: Suite) -> None:
    page = set_status(admin, bank.admin().user_id, "disabled")
    assert page.status_code == 400
    assert "alert-danger" in page.text


def test_the_last_admin_stays_one(admin: Visitor, bank: Suite) -> None:
    page = set_role(admin, bank.admin().user_id, "customer")
    assert page.status_code == 400
    assert "alert-danger" in page.text
    assert admin.get("/admin/users").status_code == 200


def test_an_unknown_role_is_refused(bank: Suite, admin: Visitor) -> None:
    assert set_role(admin, bank.person().user_id, "king").status_code == 400


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
