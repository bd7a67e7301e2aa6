"""The pages of the staff: access, and the overview."""

import re

import pytest

from tests.support.suite import Person, Suite
from tests.support.visitor import Visitor


@pytest.fixture(scope="module")
def employee(bank: Suite) -> Visitor:
    return bank.employee().visitor


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    ada = bank.person("ada")
    ada.open("1234.00")
    return ada


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
