"""Cross-site request forgery: every form of every page, found by crawling, is refused without its token."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

from tests.support.suite import ADMIN_PASSWORD, PASSWORD, Person, Suite
from tests.support.visitor import PageForm, Visitor, forms_of

LINK = re.compile(r'(?:href|data-href)="(/[^"#]*)"')
NOT_PAGES = ("/static", "/api", "/openapi.json", "/docs")


@dataclass
class Crawl:
    """The pages that a visitor can reach by links, one for each route, and their forms."""

    app: Flask
    visitor: Visitor
    seen: set[str] = field(default_factory=set)
    forms: list[tuple[str, PageForm]] = field(default_factory=list)

    def run(self, *starts: str) -> "Crawl":
        """Follow all links from these pages, visiting each route at most twice."""
        waiting, visits = list(starts), dict[str, int]()
        while waiting:
            address = waiting.pop(0)
            endpoint = self.endpoint(address, "GET")
            if endpoint is None or address in self.seen or visits.get(endpoint, 0) >= 2:
                continue
            visits[endpoint] = visits.get(endpoint, 0) + 1
            self.seen.add(address)
            page = self.visitor.get(address)
            assert page.status_code < 500, address
            if page.mimetype == "text/html":
                self.forms += [(urlsplit(form.action or address).path, form) for form in forms_of(page)]
                waiting += [link for link in LINK.findall(page.text) if not link.startswith(NOT_PAGES)]
        return self

    def endpoint(self, address: str, method: str) -> str | None:
        """Return the endpoint of an address, or None."""
        try:
            endpoint, _ = self.app.url_map.bind("localhost").match(urlsplit(address).path, method)
        except HTTPException:
            return None
        return str(endpoint)


@pytest.fixture(scope="module")
def ada(bank: Suite) -> Person:
    """Return a customer with two accounts, payments and a report, so that all forms are shown."""
    person = bank.person("ada")
    accounts = [person.open("10.00")["id"], person.open()["id"]]
    assert bank.call("reporting", "GET", f"/api/reports/account/{accounts[0]}", person).status_code == 200
    bank.log_in("ada")
    return person


def crawl(bank: Suite, username: str = "", password: str = "", *starts: str) -> Crawl:
    visitor = bank.visitor()
    if username:
        assert visitor.log_in(username, password).status_code == 303
    return Crawl(bank.apps["gateway"], visitor).run("/", *starts)


@pytest.fixture(scope="module")
def crawls(bank: Suite, ada: Person) -> dict[str, Crawl]:
    return {
        "nobody": crawl(bank),
        "customer": crawl(bank, "ada", PASSWORD, "/dashboard"),
        "admin": crawl(bank, "admin", ADMIN_PASSWORD, "/admin", f"/admin/accounts?user_id={ada.user_id}"),
    }


@pytest.mark.parametrize("who", ["nobody", "customer", "admin"])
def test_no_form_is_taken_without_its_token_or_with_another_session_s(
    bank: Suite, crawls: dict[str, Crawl], who: str
) -> None:
    stranger = forms_of(bank.visitor().get("/login"))[0].fields["csrf_token"]
    taken, found = [], crawls[who]
    assert found.forms
    for action, form in found.forms:
        others = {name: value for name, value in form.fields.items() if name != "csrf_token"}
        assert form.fields.get("csrf_token"), f"the form to {action} has no token"
        for fields in (others, {**others, "csrf_token": stranger}, {**others, "csrf_token": "x"}):
            answer = found.visitor.post(action, fields, Referer="http://localhost/")
            if answer.status_code != 400 or "had been open for too long" not in answer.text:
                taken.append(f"{action}: {answer.status}")
    assert taken == []


def test_nothing_is_deleted_by_one_click(bank: Suite) -> None:
    """A page that deletes or removes asks first, so a GET of the same address shows what will happen."""
    rules = bank.apps["gateway"].url_map.iter_rules()
    deleting = [rule for rule in rules if re.search(r"/(delete|remove|disable|close)$", rule.rule)]
    assert len(deleting) >= 6
    for rule in deleting:
        is_beside_a_reason = rule.rule.startswith(("/messages", "/admin/c"))  # a form that has to be filled in
        assert "GET" in (rule.methods or ()) or is_beside_a_reason, rule.rule


def test_no_route_of_the_pages_takes_a_post_without_a_token(bank: Suite, crawls: dict[str, Crawl]) -> None:
    """Forms that the crawl does not reach, since they need a certain state, are found by their routes."""
    app, taken = bank.apps["gateway"], []
    for rule in app.url_map.iter_rules():
        if "POST" not in (rule.methods or ()) or rule.rule.startswith("/api/"):
            continue
        path = re.sub(r"<[^>]+>", str(uuid4()), rule.rule)
        for who, found in crawls.items():
            answer = found.visitor.post(path, {}, Referer="http://localhost/")
            is_at_login = who == "nobody" and answer.headers.get("Location", "").startswith("/login")
            if not is_at_login and (answer.status_code != 400 or "had been open for too long" not in answer.text):
                taken.append(f"{path} by {who}: {answer.status}")
    assert taken == []
