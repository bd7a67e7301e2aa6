"""Admin pages: access, overview, administration of users."""

import re

import pytest
from werkzeug.test import TestResponse

from api_gateway.pages.staff.permissions import OTHER_REASON
from tests.support.suite import Person, Suite
from tests.support.visitor import Visitor


@pytest.fixture(scope="module")
def employee(bank: Suite, admin: Visitor) -> Visitor:
    person = bank.person("clerk")
    set_role(admin, person.user_id, "employee")
    visitor = bank.visitor()
    assert visitor.log_in("clerk").status_code == 303
    return visitor


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    ada = bank.person("ada")
    ada.open("1234.00")
    return ada


def set_status(admin: Visitor, user_id: str, status: str, reason: str = "Has left") -> TestResponse:
    return admin.submit(f"/admin/users/{user_id}", status=status, reason=reason)


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


@pytest.mark.parametrize("path", STAFF_PAGES)
def test_each_page_of_the_staff_has_the_tabs_once_and_marks_its_own(employee: Visitor, path: str) -> None:
    tabs = re.findall(r'<nav class="tabs.+?</nav>', employee.get(path).text, re.DOTALL)
    assert len(tabs) == 1
    marked = re.findall(r'href="([^"]+)" aria-current="page"', tabs[0])
    assert marked == [path.removesuffix("/create")]


def test_the_overview_shows_admins_the_totals_of_the_bank(admin: Visitor, ada: Person) -> None:
    page = admin.get("/admin").text
    assert page.count(">Healthy<") == 5
    for words in ("Held in all", "$1,234.00", "People by role", "Volume"):
        assert words in page
    assert 'href="/admin/reports/system"' in page
    assert len(re.findall(r"(?:[0-9]+|&lt; 1) ms<", page)) == 5
    assert "api-gateway" in page
    assert len(re.findall(r"up since <time[^>]+>[^<]+</time><br>\d+\.\d % errors in five minutes", page)) == 5


def test_the_overview_shows_the_health_of_the_services(admin: Visitor, bank: Suite) -> None:
    adapter = bank.adapters["reporting"]
    adapter.down = True
    try:
        page = admin.get("/admin")
    finally:
        adapter.down = False
    assert page.status_code == 200
    assert page.text.count(">Unhealthy<") == 1
    assert page.text.count("up since") == 4
    assert "The figures of the bank are not available right now." in page.text


def test_users_can_be_searched(admin: Visitor, ada: Person) -> None:
    page = admin.get("/admin/users?q=ada&role=customer").text
    assert "ada@example.com" in page
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


def set_role(admin: Visitor, user_id: str, role: str, reason: str = "Joins the desk") -> TestResponse:
    page = f"/admin/users/{user_id}"
    return admin.submit(page, action=f"{page}/role", role=role, reason=reason)


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


def test_an_unknown_role_is_refused(admin: Visitor, ada: Person) -> None:
    assert set_role(admin, ada.user_id, "king").status_code == 400
