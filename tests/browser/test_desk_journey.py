"""A caller named Clara is helped at the desk, with as many clicks as docs/PAGES.md says."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from shared.web.parts import part
from tests.browser.conftest import TIMEOUT_MILLISECONDS, log_in
from tests.support.repository import ROOT
from tests.support.suite import ADMIN_PASSWORD, PASSWORD, Person, Suite
from transaction_service.common_service import Tools

CLICKS = dict(re.findall(r"^\| ([^|]+?) \| (\d+) \|", (ROOT / "docs" / "PAGES.md").read_text("utf-8"), re.MULTILINE))


class Visit:
    """A person in a browser of their own. Clicks are counted; fields to fill in are not."""

    def __init__(self, page: Page) -> None:
        self.page, self._clicks = page, 0

    @contextmanager
    def counting(self, what: str, start: str) -> Iterator[None]:
        """Require the block, which begins on the page after the login, to take the documented number of clicks."""
        self.page.goto(start)
        self._clicks = 0
        yield
        assert (what, self._clicks) == (what, int(CLICKS[what]))

    def click(self, target: Locator) -> None:
        target.click()
        self._clicks += 1

    def link(self, name: str) -> None:
        self.click(self.page.get_by_role("main").get_by_role("link", name=name).first)

    def row(self, name: str) -> None:
        """Follow the one link of a row of a list."""
        self.click(self.page.get_by_role("row", name=name).get_by_role("link").first)

    def button(self, name: str) -> None:
        self.click(self.page.get_by_role("main").get_by_role("button", name=name).first)

    def fill(self, label: str, text: str) -> None:
        self.page.get_by_role("main").get_by_label(label, exact=True).locator("visible=true").first.fill(text)

    def sees(self, text: str) -> None:
        expect(self.page.get_by_role("main").get_by_text(text).first).to_be_visible()

    def find_clara(self) -> None:
        self.link("Customers")
        self.fill("Name, username, e-mail, phone or account number", "Clara")
        self.button("Find")
        self.link("Clara Novák")

    def open(self, section: str, what: str) -> None:
        """Open the details of this name in the row of an account."""
        self.click(self.page.get_by_role("region", name=section).locator("summary", has_text=what).first)


@pytest.fixture
def clara(bank: Suite) -> Person:
    return named(bank, "Clara Novák")


def named(bank: Suite, full_name: str) -> Person:
    person = bank.person()
    answer = bank.call("auth", "PUT", "/api/auth/users/profile", person, json={"full_name": full_name})
    assert answer.status_code == 200
    return person


def employed(bank: Suite, full_name: str) -> Person:
    return bank.promote(named(bank, full_name))


def need_approval(bank: Suite, patch: pytest.MonkeyPatch) -> None:
    """Let reversals wait for a second person, as with APPROVAL_REQUIRED."""
    app = bank.apps["transaction"]
    tools = part(Tools, app)
    patch.setitem(app.extensions["parts"], Tools, replace(tools, approvals=replace(tools.approvals, is_required=True)))


def test_a_caller_named_clara_is_helped(
    bank: Suite, browser: Browser, base_url: str, clara: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_approval(bank, monkeypatch)
    ben = named(bank, "Ben Okafor")
    account, bens = clara.open("100.00", nickname="Everyday"), ben.open()
    clara.pay("transfer", from_account_id=account["id"], to_account_id=bens["id"], amount="30", description="Boat")
    staff = [employed(bank, name) for name in ("Grace Hopper", "Henry Ford")]
    with ExitStack() as contexts:

        def visit(username: str, password: str = PASSWORD) -> Visit:
            context = contexts.enter_context(browser.new_context(base_url=base_url))
            context.set_default_timeout(TIMEOUT_MILLISECONDS)
            page = context.new_page()
            log_in(page, username, password)
            return Visit(page)

        grace, henry, admin = (*(visit(one.username) for one in staff), visit("admin", ADMIN_PASSWORD))
        explain_and_freeze(grace)
        see_the_freeze(visit_clara := visit(clara.username))
        lift(henry)
        take_cash_in(grace)
        reverse_the_boat(admin)
        approve(grace)
        see_the_receipt(visit_clara)


def explain_and_freeze(grace: Visit) -> None:
    with grace.counting("find Clara", "/admin"):
        grace.find_clara()
        grace.sees("Last transactions")
    with grace.counting("explain a payment of hers", "/admin"):
        grace.find_clara()
        grace.row("Boat")
        grace.sees("Ben Okafor")
    with grace.counting("freeze an account for a reason", "/admin"):
        grace.find_clara()
        grace.open("Accounts", "Freeze")
        grace.fill("Reason", "She has lost her phone")
        grace.button("Freeze account")
        grace.sees("The account is frozen.")


def see_the_freeze(clara: Visit) -> None:
    with clara.counting("Clara sees why and by whom an account is frozen", "/dashboard"):
        clara.link("Everyday")
        clara.sees("by Grace Hopper")
        clara.sees("Reason: She has lost her phone")


def lift(henry: Visit) -> None:
    with henry.counting("lift the freeze, as a colleague", "/admin"):
        henry.find_clara()
        henry.open("Accounts", "Unfreeze")
        henry.fill("Reason", "She has found it")
        henry.button("Unfreeze account")
        henry.sees("The account is active again.")


def take_cash_in(grace: Visit) -> None:
    grace.page.goto("/admin/counter")
    grace.fill("Float", "500")
    grace.button("Open till")
    with grace.counting("take cash in for her, with an open till", "/admin"):
        grace.link("Counter")
        grace.fill("Customer", "Clara")
        grace.button("Find")
        grace.link("Pay in")
        grace.fill("Amount", "25")
        grace.button("Continue")
        grace.button("Confirm deposit")
        grace.sees("Receipt")


def reverse_the_boat(admin: Visit) -> None:
    with admin.counting("reverse a payment of hers, as an admin", "/admin"):
        admin.find_clara()
        admin.row("Boat")
        admin.link("Reverse")
        admin.fill("Reason", "Paid to the wrong Ben")
        admin.button("Confirm reversal")
        admin.sees("Your request is kept.")


def approve(grace: Visit) -> None:
    with grace.counting("approve the reversal, as a colleague", "/admin"):
        grace.link("Approvals")
        grace.sees("Paid to the wrong Ben")
        grace.button("Confirm approval")
        grace.sees("Approved: the money has moved.")


def see_the_receipt(clara: Visit) -> None:
    with clara.counting("Clara sees both names on a receipt", "/dashboard"):
        clara.row("Boat")
        clara.link("Receipt")
        clara.sees("Clara Novák")
        clara.sees("Ben O.")
    clara.page.goto("/transactions?type=reversal")
    clara.sees("Reversal: Boat (Paid to the wrong Ben)")
