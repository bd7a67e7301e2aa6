"""The page of an error: what happened, and a way on that makes sense for whoever sees it."""

import re
from typing import Any

import pytest

from shared.core.errors import ServiceUnavailable, TooManyRequests
from tests.support.customers import Customer, customer
from tests.support.suite import ADMIN_PASSWORD, Suite
from tests.support.visitor import Visitor, forms_of


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Customer:
    return customer(bank, "ada")


@pytest.fixture(scope="module")
def admin(bank: Suite) -> Visitor:
    admin = Visitor(bank.apps["gateway"])
    admin.log_in("admin", ADMIN_PASSWORD)
    return admin


@pytest.fixture
def failing(bank: Suite, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let one page fail with an error."""

    def fail(endpoint: str, error: Exception) -> None:
        def view(**_arguments: Any) -> None:
            raise error

        monkeypatch.setitem(bank.apps["gateway"].view_functions, endpoint, view)

    return fail


def ways(page: str) -> list[tuple[str, str]]:
    return re.findall(r'<a class="btn btn-[a-z-]+" href="([^"]*)">([^<]*)</a>', page.split('class="notice-ways"')[1])


def test_a_customer_finds_the_dashboard(ada: Customer) -> None:
    assert ways(ada.visitor.get("/nowhere").text) == [("/dashboard", "Go to your dashboard")]


def test_staff_find_the_overview(admin: Visitor) -> None:
    assert ways(admin.get("/nowhere").text) == [("/admin", "Go to your overview")]


def test_a_stranger_finds_the_start_page(bank: Suite) -> None:
    assert ways(Visitor(bank.apps["gateway"]).get("/nowhere").text) == [("/", "Go to the start page")]


def test_who_followed_a_link_goes_back_to_where_it_stands(ada: Customer) -> None:
    referrer = {"Referer": "http://localhost/transactions?type=deposit"}
    page = ada.visitor.client.get("/transactions/nowhere", headers=referrer).text
    assert ways(page) == [("/transactions?type=deposit", "Go back"), ("/dashboard", "Go to your dashboard")]
    elsewhere = {"Referer": "https://example.com/transactions"}
    assert ways(ada.visitor.client.get("/nowhere", headers=elsewhere).text) == [("/dashboard", "Go to your dashboard")]


@pytest.mark.parametrize(
    ("endpoint", "path"), [("dashboard.index", "/dashboard"), ("welcome.index", "/"), ("admin.index", "/admin")]
)
def test_the_page_that_failed_is_offered_only_as_another_try(
    bank: Suite, admin: Visitor, ada: Customer, failing: Any, endpoint: str, path: str
) -> None:
    failing(endpoint, ServiceUnavailable())
    visitor = {"/": Visitor(bank.apps["gateway"]), "/admin": admin}.get(path, ada.visitor)
    page = visitor.get(path)
    assert page.status_code == 503
    assert ways(page.text) == [(path, "Try again")]


def test_what_is_not_found_is_not_tried_again(ada: Customer) -> None:
    referrer = {"Referer": "http://localhost/nowhere"}
    assert ways(ada.visitor.client.get("/nowhere", headers=referrer).text) == [("/dashboard", "Go to your dashboard")]


def test_a_form_that_failed_leads_back_to_its_page(ada: Customer, failing: Any) -> None:
    token = forms_of(ada.visitor.get("/profile"))[0].fields["csrf_token"]
    failing("profile.show", ServiceUnavailable())
    page = ada.visitor.post("/profile", {"csrf_token": token}, Referer="http://localhost/profile")
    assert ways(page.text) == [("/profile", "Go back"), ("/dashboard", "Go to your dashboard")]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (40, "40 seconds"), (60, "1 minute"), (61, "2 minutes"), (900, "15 minutes")],
)
def test_who_must_wait_is_told_how_long(ada: Customer, failing: Any, seconds: int, words: str) -> None:
    failing("reports.index", TooManyRequests(retry_after_seconds=seconds))
    page = ada.visitor.get("/reports")
    assert page.headers["Retry-After"] == str(seconds)
    assert f"Try again in {words}." in page.text
    assert ways(page.text)[0] == ("/reports", "Try again")
