"""Choosing the theme and hidden amounts without JavaScript."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.support.suite import Person, Suite
from tests.support.visitor import Visitor, forms_of

DISPLAY = "/settings/display"
OWN = (
    "/dashboard",
    "/accounts",
    "/accounts/{account}",
    "/accounts/{account}/close",
    "/transactions",
    "/transactions/deposit",
    "/transactions/withdraw",
    "/transactions/transfer",
    "/transactions/{payment}",
    "/transactions/{payment}/receipt",
    "/reports/account/{account}",
    "/reports/transactions",
    "/settings",
)
STAFF = (
    "/admin",
    "/admin/accounts",
    "/admin/accounts/{account}",
    "/admin/transactions",
    "/admin/transactions/{payment}/reverse",
)


@pytest.fixture(scope="module")
def ids(ada: Person) -> dict[str, str]:
    account = ada.open("1234.56", nickname="Everyday")
    ada.open("7.00", "savings")
    made = ada.pay("withdraw", account_id=account["id"], amount="34.56")
    return {"account": account["id"], "payment": made["transaction"]["id"]}


class _Amounts(HTMLParser):
    """Collects amounts outside of elements with the class `private`."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[bool] = []
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("input", "meta", "link", "img", "br", "path", "rect"):
            self.open.append("private" in (dict(attrs).get("class") or "").split())

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("input", "meta", "link", "img", "br", "path", "rect"):
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if not any(self.open):
            self.found += re.findall(r"\$[0-9.,]+", data)


def open_amounts(page: str) -> list[str]:
    reader = _Amounts()
    reader.feed(page)
    return reader.found


def choose(visitor: Visitor, path: str = "/settings", **choice: str) -> Any:
    form = next(form for form in forms_of(visitor.get(path)) if choice.keys() <= form.fields.keys())
    return visitor.post(DISPLAY, {**form.fields, **choice}, Referer=f"http://localhost{path}")


def test_the_theme_follows_the_system_until_one_is_chosen(ada: Person) -> None:
    assert "data-bs-theme" not in ada.visitor.get("/dashboard").text
    chosen = choose(ada.visitor, theme="dark")
    assert (chosen.status_code, chosen.headers["Location"]) == (303, "/settings")
    assert '<html lang="en" data-bs-theme="dark"' in ada.visitor.get("/dashboard").text
    choose(ada.visitor, theme="system")
    assert "data-bs-theme" not in ada.visitor.get("/dashboard").text


def test_the_theme_outlives_the_login(bank: Suite) -> None:
    visitor = bank.person().visitor
    choose(visitor, theme="light")
    visitor.submit("/settings", action="/logout")
    assert 'data-bs-theme="light"' in visitor.get("/login").text


@pytest.mark.parametrize("path", [*OWN, *STAFF])
def test_every_amount_on_every_page_can_be_hidden(bank: Suite, ada: Person, ids: dict[str, str], path: str) -> None:
    visitor = ada.visitor
    if path in STAFF:
        visitor = bank.admin().visitor
    choose(visitor, balances="hidden")
    page = visitor.get(path.format_map(ids))
    choose(visitor, balances="shown")
    assert page.status_code == 200
    assert 'class="balances-hidden"' in page.text
    assert '<span data-label>Show</span><span class="visually-hidden"> balances</span>' in page.text
    assert open_amounts(page.text) == []
    assert len(re.findall(r"<figure", page.text)) == len(re.findall(r'<figure class="chart private"', page.text))


def test_the_switch_redirects_to_the_page_with_its_filters(ada: Person, ids: dict[str, str]) -> None:
    answer = choose(ada.visitor, f"/transactions?type=withdrawal&account_id={ids['account']}", balances="hidden")
    assert answer.headers["Location"] == f"/transactions?type=withdrawal&account_id={ids['account']}"
    choose(ada.visitor, balances="shown")
    assert "balances-hidden" not in ada.visitor.get("/dashboard").text


def test_the_outcome_of_a_payment_hides_its_amount_too(ada: Person, ids: dict[str, str]) -> None:
    paid = ada.visitor.submit("/transactions/deposit", account_id=ids["account"], amount="3.21")
    page = ada.visitor.get(paid.headers["Location"]).text
    assert "Deposited" in page
    assert open_amounts(page) == []


@pytest.mark.parametrize("fields", [{}, {"theme": "pink"}, {"balances": "gone"}, {"theme": "dark", "balances": ""}])
def test_an_unknown_choice_is_refused(ada: Person, fields: dict[str, str]) -> None:
    token = forms_of(ada.visitor.get("/settings"))[0].fields["csrf_token"]
    assert ada.visitor.post(DISPLAY, {"csrf_token": token, **fields}).status_code == 400


def test_an_unknown_cookie_value_means_the_default(ada: Person) -> None:
    ada.visitor.client.set_cookie("theme", '"><script>')
    ada.visitor.client.set_cookie("balances", "x")
    page = ada.visitor.get("/dashboard").text
    assert '<html lang="en">' in page
    ada.visitor.client.delete_cookie("theme")
    ada.visitor.client.delete_cookie("balances")
