"""Error pages: their text, and their links for each kind of visitor."""

import re
from typing import Any

import pytest

from shared.core.errors import ServiceUnavailable, TooManyRequests
from tests.support.suite import Person, Suite
from tests.support.visitor import Visitor, forms_of


@pytest.fixture
def failing(bank: Suite, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make one page fail with an error."""

    def fail(endpoint: str, error: Exception) -> None:
        def view(**_arguments: Any) -> None:
            raise error

        monkeypatch.setitem(bank.apps["gateway"].view_functions, endpoint, view)

    return fail


def links(page: str) -> list[tuple[str, str]]:
    return re.findall(r'<a class="btn btn-[a-z-]+" href="([^"]*)">([^<]*)</a>', page.split('class="notice-links"')[1])


def test_an_error_page_links_customers_to_the_dashboard(ada: Person) -> None:
    assert links(ada.visitor.get("/nowhere").text) == [("/dashboard", "Go to your dashboard")]


def test_an_error_page_links_staff_to_the_overview(admin: Visitor) -> None:
    assert links(admin.get("/nowhere").text) == [("/admin", "Go to your overview")]


def test_an_error_page_links_signed_out_people_to_the_start_page(bank: Suite) -> None:
    assert links(bank.visitor().get("/nowhere").text) == [("/", "Go to the start page")]


def test_an_error_page_links_back_to_the_referring_page(ada: Person) -> None:
    referrer = {"Referer": "http://localhost/transactions?type=deposit"}
    page = ada.visitor.client.get("/transactions/nowhere", headers=referrer).text
    assert links(page) == [("/transactions?type=deposit", "Go back"), ("/dashboard", "Go to your dashboard")]
    elsewhere = {"Referer": "https://example.com/transactions"}
    assert links(ada.visitor.client.get("/nowhere", headers=elsewhere).text) == [("/dashboard", "Go to your dashboard")]


@pytest.mark.parametrize(
    ("endpoint", "path"), [("dashboard.index", "/dashboard"), ("welcome.index", "/"), ("admin.index", "/admin")]
)
def test_the_failed_page_is_offered_only_as_a_retry(
    bank: Suite, admin: Visitor, ada: Person, failing: Any, endpoint: str, path: str
) -> None:
    failing(endpoint, ServiceUnavailable())
    visitor = {"/": bank.visitor(), "/admin": admin}.get(path, ada.visitor)
    page = visitor.get(path)
    assert page.status_code == 503
    assert links(page.text) == [(path, "Try again")]


def test_what_went_wrong_stands_in_a_live_region(ada: Person) -> None:
    for page in ("/nowhere", "/reset-password?token=used"):
        assert re.search('<p class="lead" role="alert" aria-live="assertive">[^<]+</p>', ada.visitor.get(page).text)


def test_a_missing_page_offers_no_retry(ada: Person) -> None:
    referrer = {"Referer": "http://localhost/nowhere"}
    assert links(ada.visitor.client.get("/nowhere", headers=referrer).text) == [("/dashboard", "Go to your dashboard")]


def test_a_failed_form_links_back_to_its_page(ada: Person, failing: Any) -> None:
    token = forms_of(ada.visitor.get("/profile"))[0].fields["csrf_token"]
    failing("profile.show", ServiceUnavailable())
    page = ada.visitor.post("/profile", {"csrf_token": token}, Referer="http://localhost/profile")
    assert links(page.text) == [("/profile", "Go back"), ("/dashboard", "Go to your dashboard")]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (40, "40 seconds"), (60, "1 minute"), (61, "2 minutes"), (900, "15 minutes")],
)
def test_a_rate_limited_page_says_how_long_to_wait(ada: Person, failing: Any, seconds: int, words: str) -> None:
    failing("reports.index", TooManyRequests(retry_after_seconds=seconds))
    page = ada.visitor.get("/reports")
    assert page.headers["Retry-After"] == str(seconds)
    assert f"Try again in {words}." in page.text
    assert links(page.text)[0] == ("/reports", "Try again")
