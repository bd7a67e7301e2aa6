"""Stored cross-site scripting: text that people enter never becomes a part of a page, whoever opens it."""

import re
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Error, Page

from tests.browser.conftest import log_in
from tests.support.suite import ADMIN_PASSWORD, Person, Suite

PROBE = "\"'><img src=x onerror=probed=1><script>probed=1</script>{{7*7}}"
PAGES_AT_MOST = 80
NO_PAGES = ("/static", "/docs", "/api", "/admin/audit/export")
FOUND = """() => ({
  probed: typeof window.probed,
  images: document.querySelectorAll("img[src=x]").length,
  text: document.documentElement.outerHTML,
  links: [...document.querySelectorAll("a[href^='/']")].map((link) => link.getAttribute("href")),
})"""
_ID = re.compile(r"[0-9a-f-]{36}")


def test_text_of_people_is_shown_as_text_on_every_page(bank: Suite, page: Page) -> None:
    ada = bank.person("probing.ada")
    _enter_probes(bank, ada)
    for username, password, starts in (
        (ada.username, None, ("/dashboard", "/profile", "/settings", "/transactions")),
        ("admin", ADMIN_PASSWORD, ("/admin", f"/admin/accounts?user_id={ada.user_id}", "/admin/audit", "/admin/users")),
    ):
        log_in(page, username, *([password] if password else []))
        shown = _visit_all(page, [*starts, f"/admin/customers/{ada.user_id}"] if password else list(starts))
        assert shown >= 4, "the probes are shown, as text"
        page.goto("/")
        page.context.clear_cookies()


def _enter_probes(bank: Suite, ada: Person) -> None:
    admin = bank.admin()

    def send(name: str, method: str, path: str, person: Person, **body: Any) -> Any:
        answer = bank.call(name, method, path, person, json=body, headers={"User-Agent": PROBE})
        assert answer.status_code < 300, answer.text
        return answer.get_json()

    login = {"username": ada.username, "password": "correct horse battery staple"}
    assert bank.call("auth", "POST", "/api/auth/login", json=login, headers={"User-Agent": PROBE}).status_code == 200
    send("auth", "PUT", "/api/auth/users/profile", ada, full_name=PROBE)
    account = send("account", "POST", "/api/accounts/create", ada, account_type="checking", nickname=PROBE[:50])
    account_id = account["account"]["id"]
    deposit = {"account_id": account_id, "amount": "10.00", "description": PROBE}
    send("transaction", "POST", "/api/transactions/deposit", ada, **deposit)
    send("reporting", "GET", f"/api/reports/account/{account_id}", ada)
    for status in ("frozen", "active"):
        send("account", "PUT", f"/api/accounts/update/{account_id}", admin, status=status, reason=PROBE)


def _visit_all(page: Page, waiting: list[str]) -> int:
    """Follow links from these pages, once for each kind of address, and return how many pages show the probe."""
    seen: set[str] = set()
    shown = 0
    while waiting and len(seen) < PAGES_AT_MOST:
        address = waiting.pop(0)
        kind = _ID.sub("<id>", urlsplit(address).path)
        if kind in seen or not kind.startswith("/") or kind.startswith(NO_PAGES):
            continue
        seen.add(kind)
        if _is_page(page, address):
            found = page.evaluate(FOUND)
            assert found["probed"] == "undefined", address
            assert found["images"] == 0, address
            assert "/script&gt;49" not in found["text"], f"{address} renders what people enter as a template"
            shown += "onerror=probed=1" in found["text"]
            waiting += [link for link in found["links"] if "/receipt" not in link or "receipt" not in kind]
    return shown


def _is_page(page: Page, address: str) -> bool:
    """Open an address, and return whether it is a page and no download."""
    try:
        answer = page.goto(address)
    except Error as error:
        if "Download is starting" not in error.message:
            raise
        return False
    assert answer
    return answer.headers["content-type"].startswith("text/html")
