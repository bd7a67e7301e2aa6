"""Admin pages: access, overview, administration of users."""

import re

import pytest
from werkzeug.test import TestResponse

from tests.support.suite import ADMIN_PASSWORD, Person, Suite
from tests.support.visitor import PageForm, Visitor, forms_of


@pytest.fixture(scope="module")
def admin(bank: Suite) -> Visitor:
    visitor = Visitor(bank.apps["gateway"])
    assert visitor.log_in("admin", ADMIN_PASSWORD).status_code == 303
    return visitor


@pytest.fixture(scope="module")
def employee(bank: Suite, admin: Visitor) -> Visitor:
    person = bank.person("clerk")
    change(admin, person.user_id, role="employee")
    visitor = Visitor(bank.apps["gateway"])
    assert visitor.log_in("clerk").status_code == 303
    return visitor


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    ada = bank.person("ada")
    ada.open("1234.00")
    return ada


def change_form(page: TestResponse, user_id: str, field: str) -> PageForm:
    return next(form for form in forms_of(page) if f"/admin/users/{user_id}" in form.action and field in form.fields)


def change(admin: Visitor, user_id: str, query: str = "", **fields: str) -> TestResponse:
    form = change_form(admin.get(f"/admin/users{query}"), user_id, *fields)
    return admin.post(form.action.replace("&amp;", "&"), {**form.fields, **fields})


STAFF_PAGES = ["/admin", "/admin/accounts", "/admin/accounts/create", "/admin/transactions"]


@pytest.mark.parametrize("path", [*STAFF_PAGES, "/admin/users"])
def test_customers_have_no_access_to_admin_pages(ada: Person, path: str) -> None:
    page = ada.visitor.get(path)
    assert page.status_code == 403
    assert "This page is not for you" in page.text
    assert 'href="/admin"' not in page.text


@pytest.mark.parametrize("path", STAFF_PAGES)
def test_employees_have_no_access_to_the_list_of_users(employee: Visitor, path: str) -> None:
    page = employee.get(path)
    assert page.status_code == 200
    assert "/admin/users" not in page.text
    assert employee.get("/admin/users").status_code == 403


def test_the_address_of_a_refused_change_redirects_to_the_list(admin: Visitor, ada: Person) -> None:
    answer = admin.get(f"/admin/users/{ada.user_id}?q=ada")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin/users?q=ada")


def test_the_overview_shows_admins_the_totals_of_the_bank(admin: Visitor, ada: Person) -> None:
    page = admin.get("/admin").text
    assert page.count(">Healthy<") == 5
    for words in ("Held in all", "$1,234.00", "People by role", "Volume"):
        assert words in page
    assert 'href="/admin/reports/system"' in page
    assert len(re.findall(r"(?:[0-9]+|&lt; 1) ms<", page)) == 5
    assert "api-gateway" in page


def test_the_overview_shows_the_health_of_the_services(admin: Visitor, bank: Suite) -> None:
    adapter = bank.adapters["reporting"]
    adapter.down = True
    try:
        page = admin.get("/admin")
    finally:
        adapter.down = False
    assert page.status_code == 200
    assert page.text.count(">Unhealthy<") == 1
    assert "The figures of the bank are not available right now." in page.text


def test_users_can_be_searched(admin: Visitor, ada: Person) -> None:
    page = admin.get("/admin/users?q=ada&role=customer").text
    assert "ada@example.com" in page
    assert "admin@" not in page
    assert "Nobody fits" in admin.get("/admin/users?q=nobody-of-that-name").text


def test_a_user_is_disabled_and_enabled_in_the_list(admin: Visitor, bank: Suite) -> None:
    person = bank.person("eve")
    query = "?q=eve&role=customer"
    answer = change(admin, person.user_id, query, status="disabled")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/admin/users{query}")
    page = admin.get(answer.headers["Location"]).text
    assert "eve is disabled." in page
    assert "Enable<" in page
    assert Visitor(bank.apps["gateway"]).log_in("eve").status_code == 400
    assert change(admin, person.user_id, query, status="active").status_code == 303
    assert Visitor(bank.apps["gateway"]).log_in("eve").status_code == 303


def test_a_locked_user_can_be_unlocked(admin: Visitor, bank: Suite) -> None:
    bank.person("locked")
    row = "/admin/users?q=locked"
    assert "Unlock" not in admin.get(row).text
    for _ in range(5):
        Visitor(bank.apps["gateway"]).log_in("locked", "not the password")
    assert Visitor(bank.apps["gateway"]).log_in("locked").status_code == 429
    page = admin.get(row)
    assert ">Locked<" in page.text
    unlock = next(form for form in forms_of(page) if form.fields.get("status") == "active")
    assert admin.post(unlock.action.replace("&amp;", "&"), unlock.fields).status_code == 303
    assert "Unlock" not in admin.get(row).text
    assert Visitor(bank.apps["gateway"]).log_in("locked").status_code == 303


def test_a_role_is_changed_in_the_list(admin: Visitor, bank: Suite) -> None:
    person = bank.person("max")
    answer = change(admin, person.user_id, "?q=max", role="employee")
    assert "max is now an employee." in admin.get(answer.headers["Location"]).text


@pytest.mark.parametrize("fields", [{"status": "disabled"}, {"role": "customer"}])
def test_the_last_admin_can_not_be_changed(admin: Visitor, bank: Suite, fields: dict[str, str]) -> None:
    page = change(admin, bank.admin().user_id, "?q=admin", **fields)
    assert page.status_code == 400
    assert "alert-danger" in page.text
    assert admin.get("/admin/users").status_code == 200


def test_an_unknown_role_is_refused(admin: Visitor, ada: Person) -> None:
    page = change(admin, ada.user_id, role="king")
    assert page.status_code == 400
    assert "alert-danger" in page.text
