"""Every page at every width and in both themes: nothing overflows, and neither axe nor the browser reports an error.

A screenshot of each page at the width of a phone and of a desktop is kept in artifacts/.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page

from tests.browser.conftest import log_in
from tests.support.suite import ADMIN_PASSWORD, PASSWORD, Suite

WIDTHS = (320, 390, 768, 1280, 1600)
PICTURED = (390, 1280)
PICTURES = Path(__file__).resolve().parents[2] / "artifacts"
OWN = (
    "/dashboard",
    "/accounts",
    "/accounts/create",
    "/accounts/{account}",
    "/accounts/{account}/close",
    "/transactions",
    "/transactions?from=x&min=y",
    "/transactions/{payment}",
    "/transactions/{payment}/receipt",
    "/transactions/deposit",
    "/transactions/withdraw",
    "/transactions/transfer",
    "/reports",
    "/reports/account/{account}",
    "/reports/transactions",
    "/reports/transactions?start_date=2025-01-01",
    "/profile",
    "/settings",
    "/settings/passkeys",
    "/settings/second-factor",
    "/help",
    "/accounts/nowhere",
    "/admin",
)
WIDE = """() => {
  const page = document.documentElement;
  const cut = [...document.querySelectorAll("main *, .top *")].filter((element) => {
    const box = element.getBoundingClientRect();
    return box.width > 1 && box.right > page.clientWidth + 1
      && !element.closest("[role=region], .visually-hidden");
  });
  return [page.scrollWidth, cut.map((element) => `${element.tagName}.${element.className}`)];
}"""
"""The width of the page, and the elements beyond its right edge that don't widen it, except in scrollable tables."""
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
STAFF = (
    "/admin",
    "/admin/users",
    "/admin/customers",
    "/admin/customers/{user}",
    "/admin/customers/{user}/identity",
    "/admin/counter",
    "/admin/cases",
    "/admin/cases/{case}",
    "/admin/approvals",
    "/admin/audit",
    "/admin/accounts",
    "/admin/accounts/{account}",
    "/admin/accounts/create?q=e",
    "/admin/accounts/create?user_id={user}",
    "/admin/transactions",
    "/admin/transactions/{payment}",
    "/admin/transactions/{payment}/reverse",
    "/admin/reports/system",
)


@pytest.fixture(scope="module")
def ids(bank: Suite) -> dict[str, str]:
    """Return ids of a user with a long name and large amounts, to test the layouts."""
    rich = bank.person("maximiliane-von-hohenstein-1")
    account = rich.open("9999999999.99", nickname="W" * 50)
    small = rich.open("5.00", "fixed_deposit")
    made = rich.pay("withdraw", account_id=account["id"], amount="1234567.89", description="W" * 200)
    rich.pay("withdraw", 400, account_id=small["id"], amount="6.00")
    profile = {"full_name": "F" * 100, "phone": f"+{'9' * 29}", "email": f"{'e' * 64}@{'d' * 23}.example.com"}
    body = {**profile, "current_password": PASSWORD}
    answer = bank.call("auth", "PUT", "/api/auth/users/profile", rich, json=body)
    assert answer.status_code == 200, answer.text
    letter = {"kind": "question", "subject": "S" * 100, "text": "T" * 400}
    case = bank.call("auth", "POST", "/api/auth/cases", rich, json=letter).get_json()["case"]
    return {
        "case": case["id"],
        "account": account["id"],
        "payment": made["transaction"]["id"],
        "user": rich.user_id,
        "username": rich.username,
    }


@pytest.fixture(params=["light", pytest.param("dark", marks=pytest.mark.long)])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def visit(browser: Browser, base_url: str, scheme: Any) -> Iterator[Page]:
    """Yield a page that fails on requests to other hosts than the bank."""
    asked: list[str] = []
    with browser.new_context(base_url=base_url, color_scheme=scheme) as context:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        yield page
    assert [url for url in asked if not url.startswith((base_url, "data:"))] == []


def problems(page: Page, paths: tuple[str, ...], ids: dict[str, str]) -> list[str]:
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(f"{page.url}: {error}"))
    page.on("console", lambda message: found.append(f"{page.url}: {message.text}") if _is_complaint(message) else None)
    for path in paths:
        page.goto(path.format_map(ids))
        for violation in Axe().run(page, options=AXE).response["violations"]:
            targets = [node["target"] for node in violation["nodes"]][:3]
            found.append(f"{path}: {violation['id']} at {targets}")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            wide, cut_off = page.evaluate(WIDE)
            if wide > width:
                found.append(f"{path}: {wide} pixels wide at {width}")
            found += [f"{path}: {cut} is cut off at {width}" for cut in cut_off]
            if width in PICTURED:
                _keep_picture(page, path, width)
    return found


def _is_complaint(message: ConsoleMessage) -> bool:
    return message.type == "error" and "status of 4" not in message.text


def _keep_picture(page: Page, path: str, width: int) -> None:
    theme = "dark" if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
    name = re.sub(r"[^a-z]+", "-", path.lower()).strip("-") or "welcome"
    page.screenshot(path=PICTURES / f"{name}-{width}-{theme}.png", full_page=True)


def test_the_pages_of_a_customer_look_right(visit: Page, ids: dict[str, str]) -> None:
    log_in(visit, ids["username"])
    assert "\n".join(problems(visit, OWN, ids)) == ""


def test_a_message_with_a_long_name_fits_a_phone(visit: Page, ids: dict[str, str]) -> None:
    log_in(visit, ids["username"])
    visit.set_viewport_size({"width": 390, "height": 800})
    visit.goto("/accounts/create")
    visit.fill("[name=nickname]", "W" * 50)
    visit.click("main [type=submit]")
    visit.get_by_role("status").filter(has_text=f"{'W' * 50} is open.").wait_for()
    wide, cut_off = visit.evaluate(WIDE)
    assert (wide, cut_off) == (390, [])


def test_the_pages_of_staff_look_right(visit: Page, ids: dict[str, str]) -> None:
    log_in(visit, "admin", ADMIN_PASSWORD)
    assert "\n".join(problems(visit, STAFF, ids)) == ""


def test_public_pages_look_right(visit: Page) -> None:
    assert "\n".join(problems(visit, ("/", "/login", "/register", "/nowhere"), {})) == ""


COLOURS = """() => [...document.querySelectorAll("*")].map((element) => {
  const { color, backgroundColor, borderTopColor, backgroundImage } = getComputedStyle(element);
  return [element.tagName, element.className, color, backgroundColor, borderTopColor, backgroundImage].join(" ");
})"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_system_s_theme_looks_like_the_chosen_one_without_scripts(
    browser: Browser, base_url: str, ids: dict[str, str], theme: Any
) -> None:
    other: Any = {"light": "dark", "dark": "light"}[theme]
    options: Any = {"color_scheme": theme, "java_script_enabled": False, "reduced_motion": "reduce"}
    differing: list[str] = []
    with browser.new_context(base_url=base_url, **options) as context:
        page = context.new_page()
        log_in(page, ids["username"])
        for path in OWN:
            page.goto(path.format_map(ids))
            followed = page.evaluate(COLOURS)
            page.emulate_media(color_scheme=other)
            page.evaluate("theme => document.documentElement.dataset.bsTheme = theme", theme)
            chosen = page.evaluate(COLOURS)
            page.emulate_media(color_scheme=theme)
            differing += [f"{path}: {a} / {b}" for a, b in zip(followed, chosen, strict=True) if a != b]
    assert differing == []
